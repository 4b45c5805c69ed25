/**
 * A function of one object that remembers its last answer: what follows from a tensor's surveys is worked out once for
 * all bands of a task.
 */
export function remembering<Argument extends object, Result>(
  compute: (argument: Argument) => Result,
): (argument: Argument) => Result {
  let last: Argument | undefined;
  let result: Result;
  return (argument) => {
    if (argument !== last) {
      result = compute(argument);
      last = argument;
    }
    return result;
  };
}
