for (const b of document.querySelectorAll(".tabs button")) b.onclick = () => {
  for (const o of document.querySelectorAll(".tabs button")) o.setAttribute("aria-selected", o === b);
  for (const s of document.querySelectorAll("section.hazard")) s.classList.toggle("on", s.id === b.dataset.hazard);
};
