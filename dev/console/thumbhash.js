// Decodes a ThumbHash (https://evanw.github.io/thumbhash/): about 25 bytes that hold the lowest frequencies of an image,
// as cosines of lightness (l), two colour differences (p, q) and opacity (a).

/** The cosines a channel of `nx` by `ny` has, in stored order, without the constant one. */
function frequencies(nx, ny) {
  const found = [];
  for (let y = 0; y < ny; y++) {
    for (let x = y ? 0 : 1; x * ny < nx * (ny - y); x++) found.push([x, y]);
  }
  return found;
}

/** The header's numbers, and the four channels with the factor of each of their cosines. */
function parse(hash) {
  const low = hash[0] | (hash[1] << 8) | (hash[2] << 16);
  const high = hash[3] | (hash[4] << 8);
  const opaque = low >> 23 === 0;
  const landscape = high >> 15 === 1;
  const longer = opaque ? 7 : 5;
  const shorter = high & 7;
  const [width, height] = landscape ? [longer, shorter] : [shorter, longer];
  let nibble = opaque ? 10 : 12;
  const next = () => ((hash[nibble >> 1] >> ((nibble++ & 1) << 2)) & 15) / 7.5 - 1;
  const channel = (nx, ny, constant, scale) => {
    const waves = frequencies(nx, ny).map(([x, y]) => ({ x, y, factor: next() * scale }));
    return { constant, waves };
  };
  return {
    ratio: width / height,
    l: channel(Math.max(3, width), Math.max(3, height), (low & 63) / 63, ((low >> 18) & 31) / 31),
    p: channel(3, 3, ((low >> 6) & 63) / 31.5 - 1, (((high >> 3) & 63) / 63) * 1.25),
    q: channel(3, 3, ((low >> 12) & 63) / 31.5 - 1, (((high >> 9) & 63) / 63) * 1.25),
    a: opaque ? { constant: 1, waves: [] } : channel(5, 5, (hash[5] & 15) / 15, (hash[5] >> 4) / 15),
  };
}

/** The pixels of a hash, at most 32 a side. */
function pixels(hash) {
  const { ratio, ...channels } = parse(hash);
  const width = Math.round(ratio > 1 ? 32 : 32 * ratio);
  const height = Math.round(ratio > 1 ? 32 / ratio : 32);
  const image = new ImageData(width, height);
  const level = ({ constant, waves }, x, y) => {
    let sum = constant;
    for (const wave of waves) {
      const across = Math.cos((Math.PI / width) * (x + 0.5) * wave.x);
      const down = Math.cos((Math.PI / height) * (y + 0.5) * wave.y);
      sum += 2 * wave.factor * across * down;
    }
    return sum;
  };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [l, p, q, a] = ["l", "p", "q", "a"].map((name) => level(channels[name], x, y));
      const blue = l - (2 / 3) * p;
      const red = (3 * l - blue + q) / 2;
      image.data.set(
        [red, red - q, blue, a].map((value) => 255 * value),
        (y * width + x) * 4,
      );
    }
  }
  return image;
}

/** A canvas with the picture of a hash in base64, or nothing if it is none. */
export function placeholder(base64) {
  try {
    const hash = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    if (hash.length < 6) return undefined;
    const image = pixels(hash);
    const canvas = document.createElement("canvas");
    canvas.width = image.width;
    canvas.height = image.height;
    canvas.setAttribute("aria-hidden", "true");
    canvas.getContext("2d").putImageData(image, 0, 0);
    return canvas;
  } catch {
    return undefined;
  }
}
