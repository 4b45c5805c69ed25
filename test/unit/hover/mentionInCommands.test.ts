/** Models that commands name: in shell scripts, Dockerfiles, Makefiles and Modelfiles. */
import { describe, expect, it } from 'vitest';
import { brief, hub, mentionIn } from './mentionSupport';

describe('commands', () => {
  const cases: [string, string, object][] = [
    [
      'vllm serve',
      'vllm serve org/|some-model --quantization fp8 --max-model-len 8K -tp 2 --kv-cache-dtype fp8',
      {
        kind: 'model',
        runtime: 'vllm',
        quantization: 'fp8',
        context: 8192,
        tensorParallel: 2,
        kvDtype: 'fp8',
        valueDtype: 'fp8',
      },
    ],
    [
      'a continued command',
      'HF_HOME=/x vllm serve \\\n  --dtype bfloat16 \\\n  org/|some-model \\\n  --max-model-len=4096 && echo "done"',
      { kind: 'model', runtime: 'vllm', dtype: 'bf16', context: 4096 },
    ],
    [
      'llama.cpp',
      'llama-server -hf org/|some-model -c 16384 -ngl 99 -ctk q8_0 -ctv q4_0',
      {
        kind: 'model',
        runtime: 'llama.cpp',
        context: 16384,
        gpuLayers: 99,
        kvDtype: 'q8_0',
        valueDtype: 'q4_0',
      },
    ],
    ['--model', 'python serve.py --model org/|some-model', { kind: 'perhaps' }],
    ['--model=', 'python serve.py --model=org/|some-model', { kind: 'perhaps' }],
    ['--model="..."', 'python serve.py --model="org/|some-model"', { kind: 'perhaps' }],
    ['-m', './main -m org/|some-model', { kind: 'perhaps' }],
    ['hf download', 'hf download org/|some-model --local-dir x', { kind: 'model' }],
    ['a variable', 'export MODEL_ID=org/|some-model', { kind: 'perhaps' }],
    ['a quoted variable', 'MODEL="org/|some-model" # the model', { kind: 'perhaps' }],
  ];
  for (const [what, code, expected] of cases) {
    it(`reads ${what}`, () => {
      expect(brief(mentionIn('shellscript', code))).toEqual({ text: hub, ...expected });
    });
  }

  it('leaves values in F16 where keys alone have a type', () => {
    const found = mentionIn('shellscript', 'llama-cli -hf org/|some-model -ctk q8_0')?.load.setting;
    expect(found).toMatchObject({ kvDtype: 'q8_0', valueDtype: 'f16' });
    expect(mentionIn('shellscript', 'llama-cli -hf org/|m -ctv q8_0')?.load.setting.kvDtype).toBeUndefined();
  });

  it('gives the columns of what stands in quotes and behind =', () => {
    for (const code of [
      'x --model="org/|some-model"',
      'x --model=org/|some-model',
      'MODEL="org/|some-model"',
    ]) {
      const plain = code.replace('|', '');
      const found = mentionIn('shellscript', code)!;
      expect(plain.slice(found.start, found.end), code).toBe(hub);
    }
  });

  it('reads a command that another one is given', () => {
    const found = mentionIn('shellscript', 'docker exec x sh -c "vllm serve org/|some-model --dtype half"');
    expect(brief(found)).toEqual({ text: hub, kind: 'model', runtime: 'vllm', dtype: 'f16' });
    const plain = 'docker exec x sh -c "vllm serve org/some-model --dtype half"';
    expect(plain.slice(found!.start, found!.end)).toBe(hub);
    const list = mentionIn('dockerfile', 'CMD ["sh", "-c", "vllm serve org/|some-model"]');
    expect(brief(list)).toEqual({ text: hub, kind: 'model', runtime: 'vllm' });
    expect(brief(mentionIn('shellscript', './main -m org/|some-model -c 4096'))).toEqual({
      text: hub,
      kind: 'perhaps',
      context: 4096,
    });
  });

  it('passes by modules, comments and other commands', () => {
    expect(mentionIn('shellscript', 'python -m pack|age.module')?.kind).toBe('path');
    expect(mentionIn('shellscript', '# vllm serve org/|some-model')?.kind).toBe('path');
    expect(mentionIn('shellscript', 'vllm serve org/a; echo org/|some-model')?.kind).toBe('path');
    expect(mentionIn('shellscript', 'echo or|g/some')?.kind).toBe('path');
  });

  it('reads Dockerfiles and Makefiles', () => {
    expect(
      brief(mentionIn('dockerfile', 'CMD ["vllm", "serve", "org/|some-model", "--dtype", "half"]')),
    ).toMatchObject({
      kind: 'model',
      dtype: 'f16',
    });
    expect(mentionIn('dockerfile', 'FROM org/|some-model')?.kind).toBe('path');
    expect(mentionIn('dockerfile', 'ENV MODEL_ID=org/|some-model')).toMatchObject({
      kind: 'perhaps',
      text: hub,
    });
    expect(mentionIn('makefile', 'MODEL := org/|some-model')).toMatchObject({ kind: 'perhaps', text: hub });
    expect(mentionIn('makefile', 'serve:\n\tvllm serve org/|some-model')).toMatchObject({ kind: 'model' });
  });

  it('reads Modelfiles', () => {
    const text = 'FROM ./mo|del.gguf\nPARAMETER num_ctx 8192\n';
    expect(brief(mentionIn('plaintext', text, 'Modelfile'))).toEqual({
      text: './model.gguf',
      kind: 'ollama',
      runtime: 'llama.cpp',
      context: 8192,
    });
  });

  it('takes the last value above a variable before one below', () => {
    const twice =
      'MODEL=org/other\nvllm serve $MODEL\nMODEL=org/some-model\nvllm serve $MOD|EL\nMODEL=org/third';
    expect(mentionIn('shellscript', twice)?.text).toBe(hub);
    expect(mentionIn('makefile', 'run:\n\tvllm serve $(MOD|EL)\nMODEL := org/some-model')?.text).toBe(hub);
  });
});
