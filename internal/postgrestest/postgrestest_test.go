package postgrestest_test

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-dev/hallmark/internal/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func TestShared(t *testing.T) {
	s := postgrestest.Shared(t)
	if postgrestest.Shared(t) != s {
		t.Error("there are two shared servers")
	}
	for setting, want := range map[string]string{
		"listen_addresses": "", "server_encoding": "UTF8", "lc_collate": "C", "TimeZone": "UTC",
		"fsync": "off", "synchronous_commit": "on", "jit": "off", "is_superuser": "on",
	} {
		if got := s.Exec(t, "postgres", "SHOW "+setting); got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
	for name, f := range map[string]func(testing.TB){"Kill": s.Kill, "Restart": s.Restart} {
		if told := fatal(t, f); !strings.Contains(told, "use Start") {
			t.Errorf("%s of the shared server: %q", name, told)
		}
	}
}

func TestDatabase(t *testing.T) {
	s := postgrestest.Shared(t)
	var name string
	t.Run("of a test", func(test *testing.T) {
		for i := range 2 {
			u, err := url.Parse(s.Database(test))
			if err != nil {
				t.Fatal(err)
			}
			if u.Scheme != "postgres" || u.User.String() != "postgres" || u.Host != "" || !filepath.IsAbs(u.Query().Get("host")) {
				t.Errorf("the URL is %s", u)
			}
			name = strings.TrimPrefix(u.Path, "/")
			s.Exec(t, name, "CREATE TABLE a (b text)") // which the second does not have yet
			s.Exec(t, name, fmt.Sprintf("INSERT INTO a VALUES ('%d'), ('ä')", i))
			if got, want := s.Exec(t, name, "SELECT b, length(b) FROM a ORDER BY b"), fmt.Sprintf("%d|1\nä|1", i); got != want {
				t.Errorf("the table has %q, want %q", got, want)
			}
		}
		session(t, s, name, "SELECT 1") // is connected when the database is dropped
	})
	if told := fatal(t, func(t testing.TB) { s.Exec(t, name, "SELECT 1") }); !strings.Contains(told, "does not exist") {
		t.Errorf("a statement in a database whose test is over: %q", told)
	}
}

func TestKill(t *testing.T) {
	var p postmaster
	t.Run("of a test", func(t *testing.T) {
		s := postgrestest.Start(t, "fsync=on", "max_connections=7")
		if got := s.Exec(t, "postgres", "SELECT current_setting('fsync'), current_setting('max_connections')"); got != "on|7" {
			t.Errorf("the settings are %q", got)
		}
		const name = "test1"
		before := s.Database(t)
		s.Exec(t, name, "CREATE TABLE a (b int)")
		for i := range 2 {
			s.Exec(t, name, fmt.Sprintf("INSERT INTO a VALUES (%d)", i))
			ended := session(t, s, name, "BEGIN; INSERT INTO a VALUES (7) RETURNING b")
			s.Kill(t)
			select {
			case <-ended:
			case <-time.After(time.Minute):
				t.Error("a session outlives its server")
			}
			if told := fatal(t, func(t testing.TB) { s.Exec(t, name, "SELECT 1") }); told == "" {
				t.Error("a server that was killed answers")
			}
			s.Restart(t)
			if got, want := s.Exec(t, name, "SELECT count(*), max(b) FROM a"), fmt.Sprintf("%d|%d", i+1, i); got != want {
				t.Errorf("the table has %q, want %q", got, want)
			}
		}
		s.Restart(t)
		if got := s.Exec(t, name, "SELECT count(*) FROM a"); got != "2" {
			t.Errorf("after a restart, the table has %q", got)
		}
		if after := s.URL(name); after != before {
			t.Errorf("the URL was %s and is %s", before, after)
		}
		if p = find(t, s); !p.running() || !p.shares(t) {
			t.Errorf("the server has no process or no shared memory: %v", p)
		}
		s.Kill(t)
	})
	if _, err := os.Stat(p.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", p.dir, err)
	}
	if p.running() || p.shares(t) {
		t.Errorf("the process or its shared memory is still there: %v", p)
	}
}

// A process that is killed takes its server with it.
func TestOrphan(t *testing.T) {
	const variable = "POSTGRESTEST_ORPHAN"
	if os.Getenv(variable) != "" {
		p := find(t, postgrestest.Start(t))
		fmt.Println("\nserver", p.dir, p.pid, p.memory)
		time.Sleep(time.Minute)
		return
	}
	postgrestest.Shared(t) // or skip
	cmd := exec.Command(os.Args[0], "-test.run=^TestOrphan$")
	cmd.Env = append(os.Environ(), variable+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var p postmaster
	for lines := bufio.NewScanner(out); p.dir == "" && lines.Scan(); {
		fmt.Sscanf(lines.Text(), "server %s %s %s", &p.dir, &p.pid, &p.memory)
	}
	if !p.running() {
		t.Errorf("the server has no process: %v", p)
	}
	cmd.Process.Kill()
	cmd.Wait()
	for deadline := time.Now().Add(time.Minute); p.running(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the process %s is still there", p.pid)
		}
	}
	if p.shares(t) {
		t.Errorf("the shared memory %s is still there", p.memory)
	}
	if err := os.RemoveAll(p.dir); err != nil || p.dir == "" {
		t.Errorf("the directory %q: %v", p.dir, err)
	}
}

// What does not start says why, and leaves nothing.
func TestStartFails(t *testing.T) {
	postgrestest.Shared(t) // or skip
	setting := fmt.Sprintf("no_setting_%d", os.Getpid())
	if told := fatal(t, func(t testing.TB) { postgrestest.Start(t, setting+"=1") }); !strings.Contains(told, setting) {
		t.Errorf("a setting that there is not: %q", told)
	}
	logs, err := filepath.Glob("/tmp/postgrestest*/log")
	if err != nil {
		t.Fatal(err)
	}
	for _, log := range logs {
		if text, err := os.ReadFile(log); err == nil && strings.Contains(string(text), setting) {
			t.Errorf("%s is still there", log)
		}
	}
	t.Setenv("HALLMARK_POSTGRES", t.TempDir())
	if told := fatal(t, func(t testing.TB) { postgrestest.Start(t) }); !strings.HasPrefix(told, "initdb: ") {
		t.Errorf("a directory without programs: %q", told)
	}
	t.Setenv("HALLMARK_POSTGRES", "")
	if told := fatal(t, func(t testing.TB) { postgrestest.Start(t) }); !strings.HasPrefix(told, "skipped: HALLMARK_POSTGRES is not set") {
		t.Errorf("without HALLMARK_POSTGRES: %q", told)
	}
}

// A told keeps what ends a test.
type told struct {
	testing.TB
	text string
}

func (t *told) Helper() {}

// fatal returns what f says when it ends its test, or nothing if it does not.
func fatal(t *testing.T, f func(testing.TB)) string {
	to := &told{TB: t}
	done := make(chan bool)
	go func() {
		defer close(done)
		f(to)
	}()
	<-done
	return to.text
}

func (t *told) Fatal(args ...any)                 { t.end(fmt.Sprint(args...)) }
func (t *told) Fatalf(format string, args ...any) { t.end(fmt.Sprintf(format, args...)) }
func (t *told) Skip(args ...any)                  { t.end("skipped: " + fmt.Sprint(args...)) }

func (t *told) end(text string) {
	t.text = text
	runtime.Goexit()
}

// session sends a statement that returns a row, waits for the row, and stays connected.
// The channel is closed when the connection has ended.
func session(t *testing.T, s *postgrestest.Server, database, statement string) (ended <-chan bool) {
	t.Helper()
	cmd := exec.Command(filepath.Join(os.Getenv("HALLMARK_POSTGRES"), "psql"), "-X", "-q", "-A", "-t", s.URL(database))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(in, statement+";")
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("%q, %v", line, err)
	}
	fmt.Fprintln(in, "SELECT pg_sleep(600);")
	done := make(chan bool)
	go func() {
		defer close(done)
		cmd.Wait()
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-done
	})
	return done
}

// A postmaster is the first process of a server.
type postmaster struct{ dir, pid, memory string }

func find(t *testing.T, s *postgrestest.Server) postmaster {
	t.Helper()
	dir := s.Exec(t, "postgres", "SHOW unix_socket_directories")
	text, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	return postmaster{dir, lines[0], strings.Fields(lines[6])[1]}
}

func (p postmaster) running() bool {
	text, err := os.ReadFile("/proc/" + p.pid + "/stat")
	// Who has lost its parent may be a zombie for long.
	return err == nil && p.pid != "" && !strings.Contains(string(text), ") Z ")
}

// shares reports whether the segment of shared memory is there.
func (p postmaster) shares(t *testing.T) bool {
	t.Helper()
	text, err := os.ReadFile("/proc/sysvipc/shm")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && f[1] == p.memory {
			return true
		}
	}
	return false
}
