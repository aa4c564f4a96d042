
// The components as a graph, and a search over them. All that is shown is made of
// text: nothing here writes HTML.
(() => {
	"use strict";
	const data = document.getElementById("graph-data");
	if (!data) return;
	const graph = JSON.parse(data.textContent);
	const components = graph.components;
	const $ = id => document.getElementById(id);
	const make = (name, ...children) => {
		const e = document.createElement(name);
		e.append(...children);
		return e;
	};

	// Who requires a component.
	const dependents = components.map(() => []);
	components.forEach((c, from) => c.requires.forEach(to => dependents[to].push(from)));

	const link = i => {
		const a = make("a", components[i].name);
		if (components[i].version) a.append(" ", make("small", components[i].version));
		a.href = "#c" + i;
		return a;
	};

	// A list of components, the first of them at once and all on demand.
	const most = 12;
	const list = (ul, indices, all) => {
		const shown = all ? indices : indices.slice(0, most);
		ul.replaceChildren(...shown.map(i => make("li", link(i))));
		if (shown.length < indices.length) {
			const more = make("button", "Show all " + indices.length);
			more.type = "button";
			more.addEventListener("click", () => {
				list(ul, indices, true);
				$("graph-columns").classList.add("long");
				lines();
				ul.children[most].firstChild.focus();
			});
			ul.append(make("li", more));
		}
	};

	// Lines from each of the components at the sides to the one in the middle.
	const lines = () => {
		const svg = $("graph-lines"), area = $("graph-columns").getBoundingClientRect();
		const middle = $("graph-name").parentElement.getBoundingClientRect();
		const paths = [];
		const draw = (ul, right) => {
			for (const li of ul.children) {
				const r = li.firstChild.getBoundingClientRect();
				const y1 = middle.top + middle.height / 2 - area.top, y2 = r.top + r.height / 2 - area.top;
				const x1 = (right ? middle.right : middle.left) - area.left, x2 = (right ? r.left : r.right) - area.left;
				const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
				path.setAttribute("d", `M${x1} ${y1}C${(x1 + x2) / 2} ${y1} ${(x1 + x2) / 2} ${y2} ${x2} ${y2}`);
				paths.push(path);
			}
		};
		draw($("graph-from"), false);
		draw($("graph-to"), true);
		svg.replaceChildren(...paths);
	};

	const rows = [...$("components").tBodies[0].rows];
	let chosen = -1;
	const show = i => {
		const c = components[i];
		const way = [];
		for (let at = i; at >= 0 && way.length <= components.length; at = components[at].before) way.unshift(at);
		const known = way[0] === 0;
		$("graph-way").replaceChildren(...(known ? way : [i]).map(at => make("li", link(at))));
		$("graph-way").lastChild.firstChild.setAttribute("aria-current", "true");
		$("graph-note").textContent = known ? "" : "The document does not say how the artifact comes to need this component.";
		$("graph-name").textContent = (c.name + " " + c.version).trim();
		$("graph-facts").replaceChildren(...c.facts.map(([name, value]) => make("div", make("dt", name), make("dd", value))));
		$("graph-from-title").textContent = dependents[i].length ? "Required by " + dependents[i].length : "Required by none that is known";
		$("graph-to-title").textContent = c.requires.length ? "Requires " + c.requires.length : c.complete ? "Requires none" : "Requires none that is known";
		$("graph-columns").classList.remove("long");
		list($("graph-from"), dependents[i]);
		list($("graph-to"), c.requires);
		if (chosen >= 0) rows[chosen].classList.remove("chosen");
		rows[chosen = i].classList.add("chosen");
		lines();
	};

	// The component that the address names: a link to one can be kept, and going back
	// goes back.
	const named = () => {
		const m = /^#c(\d+)$/.exec(location.hash);
		return m && m[1] < components.length ? Number(m[1]) : -1;
	};
	document.addEventListener("click", e => {
		const a = e.target.closest('a[href^="#c"]');
		const m = a && /^#c(\d+)$/.exec(a.getAttribute("href"));
		if (!m || e.ctrlKey || e.metaKey || e.shiftKey) return;
		e.preventDefault();
		if (location.hash !== m[0]) history.pushState(null, "", m[0]);
		show(Number(m[1]));
		$("graph-title").scrollIntoView({ block: "start" });
		$("graph-name").focus({ preventScroll: true });
	});
	addEventListener("popstate", () => { if (named() >= 0) show(named()); });
	addEventListener("resize", lines);

	// The search: every word must be in what is known of a component.
	const words = components.map(c => [c.name, c.version, ...c.facts.map(f => f[1])].join("\n").toLowerCase());
	const page = 100; // as many as are shown before this runs
	let limit = page;
	const find = () => {
		const want = $("find-text").value.toLowerCase().split(/\s+/).filter(Boolean);
		const licence = $("find-licence").value, scope = $("find-scope").value;
		let found = 0;
		rows.forEach((row, i) => {
			const ok = want.every(w => words[i].includes(w)) && (!licence || components[i].licence === licence) && (!scope || components[i].scope === scope);
			row.hidden = !ok;
			if (ok) row.classList.toggle("later", ++found > limit);
		});
		$("find-status").textContent = found === rows.length ? `${found} components` : `${found} of ${rows.length} components`;
		$("find-more").hidden = found <= limit;
		$("find-more").textContent = "Show all " + found;
	};
	const again = () => { limit = page; find(); };
	$("find-text").addEventListener("input", again);
	$("find-licence").addEventListener("change", again);
	$("find-scope").addEventListener("change", again);
	$("find").addEventListener("submit", e => {
		e.preventDefault();
		const first = rows.find(row => !row.hidden);
		if (first) first.querySelector("a").click();
	});
	$("find-more").addEventListener("click", () => { limit = Infinity; find(); });

	$("find").hidden = false;
	$("graph").hidden = false;
	find();
	show(Math.max(named(), 0));
})();
