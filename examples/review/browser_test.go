package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A browser is a headless Chromium that is spoken to through a pair of pipes, by the
// DevTools Protocol: JSON messages, each with a zero byte behind it.
//
// https://chromedevtools.github.io/devtools-protocol/
type browser struct {
	t       *testing.T
	in      *os.File
	pipe    *os.File
	out     *bufio.Reader // of the pipe
	session string
	last    int

	// Faults are what a page may not do: errors, violations of its security policy,
	// requests.
	faults []string
}

// start starts the Chromium that HALLMARK_CHROMIUM names.
func start(t *testing.T) *browser {
	t.Helper()
	name := os.Getenv("HALLMARK_CHROMIUM")
	if name == "" {
		t.Skip("HALLMARK_CHROMIUM names no Chromium")
	}
	theirIn, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	// Without a sandbox, as root has none: what it is shown is the tests' own.
	cmd := exec.Command(name, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--user-data-dir="+filepath.Join(t.TempDir(), "profile"), "--remote-debugging-pipe", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND")
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // its descriptors 3 and 4
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirIn.Close()
	theirOut.Close()
	b := &browser{t: t, in: in, pipe: out, out: bufio.NewReader(out)}
	t.Cleanup(func() {
		// Asked to end it removes what it has in the profile; else it is killed.
		fmt.Fprintf(in, `{"id":%d,"method":"Browser.close"}%c`, b.last+1, 0)
		watch := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
		cmd.Wait()
		watch.Stop()
		in.Close()
		out.Close()
	})

	var target struct{ TargetID string }
	b.do("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.do("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network", "Audits"} {
		b.do(domain+".enable", nil, nil)
	}
	return b
}

type message struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// do sends a command and waits for what comes of it.
func (b *browser) do(method string, params, result any) {
	b.t.Helper()
	b.last++
	command := map[string]any{"id": b.last, "method": method}
	if params != nil {
		command["params"] = params
	}
	if b.session != "" {
		command["sessionId"] = b.session
	}
	data, err := json.Marshal(command)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.in.Write(append(data, 0)); err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	for {
		m := b.next()
		switch {
		case m.ID != b.last:
		case m.Error != nil:
			b.t.Fatalf("%s: %s", method, m.Error.Message)
		default:
			if result != nil {
				if err := json.Unmarshal(m.Result, result); err != nil {
					b.t.Fatalf("%s: %v", method, err)
				}
			}
			return
		}
	}
}

// next reads a message, and keeps what is a fault of the page.
func (b *browser) next() message {
	b.t.Helper()
	if err := b.pipe.SetReadDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		b.t.Fatal(err)
	}
	data, err := b.out.ReadBytes(0)
	if err != nil {
		b.t.Fatalf("the browser says no more: %v", err)
	}
	var m message
	if err := json.Unmarshal(data[:len(data)-1], &m); err != nil {
		b.t.Fatal(err)
	}
	switch m.Method {
	case "Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded", "Audits.issueAdded":
		b.faults = append(b.faults, fmt.Sprintf("%s: %s", m.Method, m.Params))
	case "Network.requestWillBeSent":
		var request struct {
			Request struct{ URL string }
		}
		if err := json.Unmarshal(m.Params, &request); err != nil {
			b.t.Fatal(err)
		}
		if !strings.HasPrefix(request.Request.URL, "file://") || !strings.Contains(request.Request.URL, ".html") {
			b.faults = append(b.faults, "a request: "+request.Request.URL)
		}
	}
	return m
}

// show makes the window so wide and opens a page in it.
func (b *browser) show(file string, width, height int, dark bool) {
	b.t.Helper()
	b.faults = nil
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	b.do("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}, nil)
	b.do("Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]string{"name": "prefers-color-scheme", "value": scheme}}}, nil)
	b.do("Page.navigate", map[string]any{"url": "file://" + file}, nil)
	for b.next().Method != "Page.loadEventFired" {
	}
}

// eval returns what an expression is in the page. It goes around the page's security
// policy, as developers do.
func (b *browser) eval(expression string, value any) {
	b.t.Helper()
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	b.do("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &r)
	if r.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", expression, r.ExceptionDetails)
	}
	if value != nil {
		if err := json.Unmarshal(r.Result.Value, value); err != nil {
			b.t.Fatalf("%s: %v", expression, err)
		}
	}
}

// key presses a key.
func (b *browser) key(name string) {
	b.t.Helper()
	for _, kind := range []string{"keyDown", "keyUp"} {
		p := map[string]any{"type": kind, "key": name, "code": name}
		switch name {
		case "Enter":
			p["windowsVirtualKeyCode"], p["text"] = 13, "\r"
		case "Tab":
			p["windowsVirtualKeyCode"] = 9
		}
		b.do("Input.dispatchKeyEvent", p, nil)
	}
}

// shoot keeps a picture of the whole page in the directory HALLMARK_SCREENSHOTS, for
// people to look at, if there is one.
func (b *browser) shoot(name string) {
	b.t.Helper()
	dir := os.Getenv("HALLMARK_SCREENSHOTS")
	if dir == "" {
		return
	}
	var size struct {
		CSSContentSize struct{ Width, Height float64 }
	}
	b.do("Page.getLayoutMetrics", nil, &size)
	var shot struct{ Data []byte }
	b.do("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true, "clip": map[string]any{
		"x": 0, "y": 0, "width": size.CSSContentSize.Width, "height": min(size.CSSContentSize.Height, 9000), "scale": 1,
	}}, &shot)
	if err := os.WriteFile(filepath.Join(dir, name+".png"), shot.Data, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// Every page is shown without errors, without anything that it loads, and without
// anything beside the window, wide and narrow, light and dark.
func TestBrowser(t *testing.T) {
	b := start(t)
	dir := t.TempDir()
	pages := make(map[string]*page)
	for _, v := range verdicts() {
		pages[string(v)] = fixture(v, 0)
	}
	pages["large"] = fixture(accepted, 5000)
	for i, h := range hostile() {
		p := fixture(accepted, 20)
		fill(p, h)
		pages[fmt.Sprintf("hostile%d", i)] = p
	}
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		file := filepath.Join(dir, name+".html")
		if err := os.WriteFile(file, html(t, pages[name]), 0o644); err != nil {
			t.Fatal(err)
		}
		widths, schemes := []int{360, 768, 1440}, []bool{false, true}
		if strings.HasPrefix(name, "hostile") {
			widths, schemes = []int{360}, []bool{false}
		}
		for _, width := range widths {
			for _, dark := range schemes {
				what := fmt.Sprintf("%s-%d-%s", name, width, map[bool]string{false: "light", true: "dark"}[dark])
				b.show(file, width, 900, dark)
				var got struct {
					Over  int
					Who   []string
					Pwned bool
					Dark  bool
				}
				b.eval(`({
					over: document.documentElement.scrollWidth - document.documentElement.clientWidth,
					who: [...document.querySelectorAll("main *, header *")].filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map(e => e.tagName + " " + e.className).slice(0, 5),
					pwned: "pwned" in window,
					dark: getComputedStyle(document.body).backgroundColor === "rgb(14, 17, 22)",
				})`, &got)
				if got.Over > 0 || len(got.Who) > 0 {
					t.Errorf("%s: %d pixels are beside the window: %q", what, got.Over, got.Who)
				}
				if got.Pwned || got.Dark != dark || len(b.faults) > 0 {
					t.Errorf("%s: pwned %t, dark %t, faults %q", what, got.Pwned, got.Dark, b.faults)
				}
				if !strings.HasPrefix(name, "hostile") {
					b.shoot(what)
				}
			}
		}
	}
}

// The search finds, the graph leads from the artifact to a component and back, and both
// go by keyboard alone.
func TestBrowserSearch(t *testing.T) {
	b := start(t)
	file := filepath.Join(t.TempDir(), "page.html")
	const n = 5000
	if err := os.WriteFile(file, html(t, fixture(accepted, n)), 0o644); err != nil {
		t.Fatal(err)
	}
	b.show(file, 1440, 900, false)
	const rows = `[...document.querySelectorAll("#components tbody tr")].filter(r => r.offsetParent !== null).map(r => r.cells[0].textContent)`
	expect := func(what, expression, want string) {
		t.Helper()
		var got string
		b.eval(`String(`+expression+`)`, &got)
		if got != want {
			t.Errorf("%s: %.200q, want %q", what, got, want)
		}
	}
	const status, name, focus = `document.getElementById("find-status").textContent`, `document.getElementById("graph-name").textContent`, `document.activeElement.id`
	const way = `[...document.querySelectorAll("#graph-way a")].map(a => a.firstChild.textContent).join(" → ")`
	expect("at first", status, "5001 components")
	expect("the artifact is shown", name, "example.com/app v1.2.0")
	expect("a part of the rows", rows+".length", "100")

	b.eval(`document.getElementById("find-text").focus()`, nil)
	b.do("Input.insertText", map[string]string{"text": "LIB4321  golang"}, nil)
	expect("search", status, "1 of 5001 components")
	expect("what it finds", rows, "example.com/lib4321")
	b.key("Enter")
	expect("the first is shown", name, "example.com/lib4321 v0.1.4321")
	expect("and has the focus", focus, "graph-name")
	expect("the way to it", way, "example.com/app → example.com/lib5 → example.com/lib17 → example.com/lib53 → example.com/lib160 → example.com/lib480 → example.com/lib1440 → example.com/lib4321")
	expect("who requires it", `document.getElementById("graph-from-title").textContent`, "Required by 1")
	expect("lines", `document.querySelectorAll("#graph-lines path").length`, "1")
	expect("the address", `location.hash.startsWith("#c")`, "true")

	// On to the one that requires it, by keyboard, and back.
	b.key("Tab")
	b.key("Enter")
	expect("one step", name, "example.com/lib1440 v0.1.1440")
	expect("what that requires", `[...document.querySelectorAll("#graph-to a")].map(a => a.firstChild.textContent)`, "example.com/lib4320,example.com/lib4321,example.com/lib4322")
	b.eval(`new Promise(done => { addEventListener("popstate", () => setTimeout(done, 0), { once: true }); history.back(); })`, nil)
	expect("back", name, "example.com/lib4321 v0.1.4321")

	b.eval(`(() => { const e = document.getElementById("find-text"); e.value = ""; const l = document.getElementById("find-licence"); l.value = "MIT"; l.dispatchEvent(new Event("change")); })()`, nil)
	expect("by licence", status, "1667 of 5001 components")
	b.eval(`document.getElementById("find-more").click()`, nil)
	expect("all of them", rows+".length", "1667")
	b.eval(`(() => { const e = document.getElementById("find-text"); e.value = "no such component"; e.dispatchEvent(new Event("input")); })()`, nil)
	expect("none", status, "0 of 5001 components")
	b.key("Enter")
	if len(b.faults) > 0 {
		t.Errorf("faults: %q", b.faults)
	}

	// An address with a component shows it.
	b.show(file+"?again#c12", 360, 900, true)
	var first string
	b.eval(`document.querySelector("#c12 a").textContent`, &first)
	expect("by address", name+".split(' ')[0]", first)
}

// A page does without its script, and prints all of what it has.
func TestBrowserPrint(t *testing.T) {
	b := start(t)
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, html(t, fixture(accepted, 300)), 0o644); err != nil {
		t.Fatal(err)
	}
	const rows = `[...document.querySelectorAll("#components tbody tr")].filter(r => r.offsetParent !== null).length`
	var n int
	b.show(file, 718, 1000, true)
	b.do("Emulation.setEmulatedMedia", map[string]any{"media": "print"}, nil)
	if b.eval(rows, &n); n != 301 {
		t.Errorf("%d components are printed, want 301", n)
	}
	b.shoot("print")
	b.do("Emulation.setEmulatedMedia", map[string]any{"media": ""}, nil)
	b.do("Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil)
	b.show(file, 1440, 900, false)
	if b.eval(rows, &n); n != 301 {
		t.Errorf("%d components are shown without a script, want 301", n)
	}
	b.shoot("noscript")
	if len(b.faults) > 0 {
		t.Errorf("faults: %q", b.faults)
	}
}
