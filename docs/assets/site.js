// What the theme leaves to readers who see: copy buttons stand in landmarks without names, and of what
// scrolls only code that is on the screen just now is within the keyboard's reach.
const mend = () => {
  document.querySelectorAll("nav.md-code__nav:not([aria-label])").forEach((nav) => {
    nav.setAttribute("aria-label", `Copy ${nav.closest("pre").id.replace("__code_", "code ")}`);
  });
  const scrolled = document.querySelectorAll("pre > code, .md-typeset__scrollwrap");
  scrolled.forEach((one) => { if (one.tabIndex !== 0) one.tabIndex = 0; });
};
document.querySelector(".md-search").setAttribute("aria-label", "Search");
document.querySelector(".md-search__options")?.setAttribute("aria-label", "Search options");
mend();
new MutationObserver(mend).observe(
  document.body, { childList: true, subtree: true, attributeFilter: ["tabindex"] });
