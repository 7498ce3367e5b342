// Sets the theme before the first paint: `light`, `dark`, or what the system prefers. A classic script, because a
// module would run after the page has been painted once.
(() => {
  const KEY = "stowage.theme";
  const root = document.documentElement;

  function stored() {
    try {
      const value = localStorage.getItem(KEY);
      return value === "light" || value === "dark" ? value : "system";
    } catch {
      return "system";
    }
  }

  function apply(value) {
    if (value === "system") delete root.dataset.theme;
    else root.dataset.theme = value;
  }

  apply(stored());

  document.addEventListener("DOMContentLoaded", () => {
    for (const radio of document.querySelectorAll('input[name="theme"]')) {
      radio.checked = radio.value === stored();
      radio.addEventListener("change", () => {
        apply(radio.value);
        // Without storage the choice lasts as long as the page.
        try {
          localStorage.setItem(KEY, radio.value);
        } catch {}
      });
    }
  });
})();
