package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
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
	in      io.Writer
	out     *bufio.Reader
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
	cmd := exec.Command(name, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars=false",
		"--user-data-dir="+filepath.Join(t.TempDir(), "profile"), "--remote-debugging-pipe", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND")
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // its descriptors 3 and 4
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirIn.Close()
	theirOut.Close()
	watch := time.AfterFunc(2*time.Minute, func() { cmd.Process.Kill() })
	b := &browser{t: t, in: in, out: bufio.NewReader(out)}
	t.Cleanup(func() {
		b.session = ""
		b.do("Browser.close", nil, nil)
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
	data, err := b.out.ReadBytes(0)
	if errors.Is(err, io.EOF) {
		b.t.Fatal("the browser has ended")
	} else if err != nil {
		b.t.Fatal(err)
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
		if !strings.HasPrefix(request.Request.URL, "file://") || !strings.HasSuffix(request.Request.URL, ".html") {
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

// shoot keeps a picture of the whole page.
func (b *browser) shoot(file string) {
	b.t.Helper()
	var size struct {
		CSSContentSize struct{ Width, Height float64 }
	}
	b.do("Page.getLayoutMetrics", nil, &size)
	var shot struct{ Data []byte }
	b.do("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true, "clip": map[string]any{
		"x": 0, "y": 0, "width": size.CSSContentSize.Width, "height": min(size.CSSContentSize.Height, 9000), "scale": 1,
	}}, &shot)
	if err := os.WriteFile(file, shot.Data, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

func TestShoot(t *testing.T) {
	dir := os.Getenv("SHOTS")
	b := start(t)
	files, _ := filepath.Glob(dir + "/*.html")
	for _, f := range files {
		for _, w := range []int{360, 1440} {
			for _, dark := range []bool{false, true} {
				b.show(f, w, 900, dark)
				b.shoot(fmt.Sprintf("%s-%d-%t.png", strings.TrimSuffix(f, ".html"), w, dark))
				var over int
				b.eval("document.documentElement.scrollWidth - innerWidth", &over)
				var who []string
				b.eval("[...document.querySelectorAll(\"*\")].filter(e => e.getBoundingClientRect().right > innerWidth+1).map(e => e.tagName+\".\"+e.id+e.className+Math.round(e.getBoundingClientRect().right)).slice(0,8)", &who)
				t.Log(f, w, dark, over, b.faults, who)
			}
		}
	}
}
