import { describeCounts } from './counts';

describeCounts('state-space models', [
  [
    'Mamba-130M',
    {
      model_type: 'mamba',
      hidden_size: 768,
      num_hidden_layers: 24,
      state_size: 16,
      vocab_size: 50280,
      intermediate_size: 1536,
      time_step_rank: 48,
      conv_kernel: 4,
    },
    129_135_360,
  ],
  [
    'Mamba-2.8B',
    {
      model_type: 'mamba',
      hidden_size: 2560,
      num_hidden_layers: 64,
      state_size: 16,
      vocab_size: 50280,
      intermediate_size: 5120,
      time_step_rank: 160,
      conv_kernel: 4,
    },
    2_768_345_600,
  ],
  [
    'Falcon-Mamba-7B',
    {
      model_type: 'falcon_mamba',
      hidden_size: 4096,
      num_hidden_layers: 64,
      state_size: 16,
      vocab_size: 65024,
      intermediate_size: 8192,
      time_step_rank: 256,
      conv_kernel: 4,
    },
    7_272_665_088,
  ],
  [
    'Mamba-Codestral-7B',
    {
      model_type: 'mamba2',
      hidden_size: 4096,
      num_hidden_layers: 64,
      state_size: 128,
      conv_kernel: 4,
      expand: 2,
      head_dim: 64,
      num_heads: 128,
      n_groups: 8,
      vocab_size: 32768,
      tie_word_embeddings: false,
    },
    7_285_403_648,
  ],
]);
