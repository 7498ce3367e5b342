// Pictures to upload, painted by the browser.

/** A JPEG of waves of colour, as a buffer. */
export async function paint(page, width, height) {
  const base64 = await page.evaluate(([width, height]) => {
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width, height });
    const pen = canvas.getContext("2d");
    for (let y = 0; y < height; y += 4) {
      for (let x = 0; x < width; x += 4) {
        const hue = (360 * (x / width + 0.2 * Math.sin((9 * y) / height))) % 360;
        pen.fillStyle = `hsl(${hue} 70% ${35 + (35 * y) / height}%)`;
        pen.fillRect(x, y, 4, 4);
      }
    }
    return canvas.toDataURL("image/jpeg", 0.9).split(",")[1];
  }, [width, height]);
  return Buffer.from(base64, "base64");
}
