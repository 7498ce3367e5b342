// sharp as a contestant: the avatars of bench/src/bin/worker.rs, made as well as sharp can. One decode, at scale, to the
// raw pixels of the largest; the rest from these. One thread, and nothing kept between jobs.
'use strict';

const fs = require('node:fs');
const readline = require('node:readline');
const sharp = require('sharp');

sharp.concurrency(1);
sharp.cache(false);

const SIZES = [300, 150, 32];

async function avatar(source) {
  const { data, info } = await sharp(source)
    .autoOrient()
    .resize(300, 300, { fit: 'cover' })
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const raw = { width: info.width, height: info.height, channels: info.channels };
  const made = [];
  for (const size of SIZES) {
    let image = sharp(data, { raw });
    if (size !== 300) image = image.resize(size, size);
    made.push(await image.jpeg({ quality: 80 }).toBuffer());
  }
  return made;
}

/** Microseconds of all threads of this process, user and system. */
function cpu() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

async function work(source, milliseconds) {
  const before = cpu();
  for (let jobs = 1; ; jobs++) {
    await avatar(source);
    const taken = cpu() - before;
    if (taken >= milliseconds * 1000) return { jobs, cpu_ns: taken * 1000 };
  }
}

async function save(source, folder) {
  const made = await avatar(source);
  made.forEach((image, at) => fs.writeFileSync(`${folder}/${SIZES[at]}.jpg`, image));
  return { bytes: made.map((image) => image.length) };
}

function answer(said) {
  fs.writeSync(1, `${JSON.stringify(said)}\n`);
}

function peakKilobytes() {
  return Number(/^VmHWM:\s+(\d+)/m.exec(fs.readFileSync('/proc/self/status', 'ascii'))[1]);
}

async function serve() {
  let source;
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const space = line.indexOf(' ');
    const argument = line.slice(space + 1);
    switch (line.slice(0, space)) {
      case 'load':
        source = fs.readFileSync(argument);
        answer({ bytes: source.length });
        break;
      case 'work':
        answer(await work(source, Number(argument)));
        break;
      case 'save':
        answer(await save(source, argument));
        break;
    }
  }
}

async function once(file) {
  const bytes = (await avatar(fs.readFileSync(file))).map((image) => image.length);
  answer({ cpu_ns: cpu() * 1000, peak_kb: peakKilobytes(), bytes });
}

(process.argv[2] === 'serve' ? serve() : once(process.argv[3])).catch((error) => {
  console.error(error);
  process.exit(1);
});
