"""Load the demo checkpoints with transformers and compare what they say.

Hover over a model's name: Tensor Loupe shows its size, its dtypes and what it takes in memory.
"""

from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("demo-llama-3m")
model = AutoModelForCausalLM.from_pretrained("demo-llama-3m")
with_outliers = AutoModelForCausalLM.from_pretrained("./demo-llama-3m-outliers")
from_shards = AutoModelForCausalLM.from_pretrained("demo-llama-3m-sharded")

prompt = tokenizer("Once upon a time", return_tensors="pt")
for candidate in (model, with_outliers, from_shards):
    tokens = candidate.generate(**prompt, max_new_tokens=80, do_sample=False)
    print(tokenizer.decode(tokens[0], skip_special_tokens=True))

# The two models compute the same function; their weights tell very different stories.
with safe_open("demo-llama-3m/model.safetensors", framework="pt") as checkpoint:
    print(checkpoint.get_tensor("model.layers.0.mlp.up_proj.weight").abs().max())
with safe_open("demo-llama-3m-outliers/model.safetensors", framework="pt") as checkpoint:
    print(checkpoint.get_tensor("model.layers.0.mlp.up_proj.weight").abs().max())
