// Loaded before the program (`node --import`): the process interrupts itself, as Ctrl-C would, as soon as it has printed a text.
// A test that sends the signal from outside may come too late on a busy machine.
const text = process.env.INTERRUPT_AT;
const write = process.stderr.write.bind(process.stderr);
let printed = "";
process.stderr.write = (chunk, ...rest) => {
  const wasThere = printed.includes(text);
  printed += chunk;
  if (!wasThere && printed.includes(text)) process.kill(process.pid, "SIGINT");
  return write(chunk, ...rest);
};
