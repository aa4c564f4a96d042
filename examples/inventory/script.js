
// A search over the affected artifacts.
(() => {
	"use strict";
	const form = document.getElementById("find");
	if (!form) return;
	const text = document.getElementById("find-text"), runs = document.getElementById("find-runs"), status = document.getElementById("find-status");
	const all = [...document.getElementById("artifacts").children];
	const words = all.map(li => li.textContent.toLowerCase());
	const find = () => {
		const want = text.value.toLowerCase().split(/\s+/).filter(Boolean);
		let found = 0;
		all.forEach((li, i) => {
			li.hidden = runs.checked && !("runs" in li.dataset) || !want.every(w => words[i].includes(w));
			if (!li.hidden) found++;
		});
		status.textContent = found === all.length ? "" : `${found} of ${all.length}`;
	};
	form.addEventListener("submit", e => e.preventDefault());
	text.addEventListener("input", find);
	runs.addEventListener("change", find);
	form.hidden = false;
})();
