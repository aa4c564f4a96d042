// Package postgrestest gives a test a PostgreSQL server of its own. No room
// imports it: it is for tests.
//
// The programs are those in the directory that the environment variable
// HALLMARK_POSTGRES names, as /usr/lib/postgresql/15/bin. Without it, and on systems
// other than Linux, a test that asks for a server is skipped.
//
// A server listens on a Unix socket, in a directory of its own below /tmp, and on no
// port. Whoever can reach the socket is the superuser postgres, without a password.
// PostgreSQL does not run as root: for root it runs as the user postgres, or as nobody.
// Texts are UTF-8 and sorted by their bytes.
//
// The tests of a package share one server, because to make one takes a second:
//
//	func TestMain(m *testing.M) { postgrestest.Main(m) }
//
//	func TestAdd(t *testing.T) {
//		db, err := sql.Open("pgx", postgrestest.Shared(t).Database(t))
//
// A test that kills its server, or wants other settings, has one of its own by Start.
// A server ends with the test or the process that it is for. If the process is killed,
// the directory stays.
package postgrestest

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// patience is how long a server may take to start or to end.
const patience = time.Minute

// A Server is a running PostgreSQL server.
type Server struct {
	bin       string // the directory of the programs
	dir       string // of the server: data, log, and the socket
	settings  []string
	shared    bool
	databases atomic.Int64

	uid, gid int // whose the server is
	process  *os.Process
	ended    chan struct{} // closed when the process is no more
}

// Start makes a server and ends it when the test is over. A setting is one of
// postgresql.conf, as "work_mem=64MB". PostgreSQL's own apply, but for these:
//
//	fsync=off            only a machine that fails could tell; what is committed survives Kill
//	jit=off              no compiler is needed
//	max_connections=50
//	TimeZone=UTC
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	s := create(t, settings)
	t.Cleanup(func() {
		if err := s.remove(); err != nil {
			t.Error(err)
		}
	})
	return s
}

var shared struct {
	sync.Mutex
	server *Server
}

// Shared returns the server of all tests of a package, with the settings of Start. The
// first test that asks starts it, and Main ends it. It is not for Kill and Restart.
func Shared(t testing.TB) *Server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		shared.server = create(t, nil)
		shared.server.shared = true
	}
	return shared.server
}

// Main runs the tests of a package, and ends the server that they have shared.
func Main(m *testing.M) {
	m.Run()
	if shared.server != nil {
		if err := shared.server.remove(); err != nil {
			panic(err)
		}
	}
}

// create makes a server, which the caller removes.
func create(t testing.TB, settings []string) *Server {
	t.Helper()
	bin := os.Getenv("HALLMARK_POSTGRES")
	switch {
	case bin == "":
		t.Skip("HALLMARK_POSTGRES is not set: it is the directory of PostgreSQL's programs")
	case runtime.GOOS != "linux":
		t.Skip("a PostgreSQL server is started on Linux only")
	}
	s := &Server{bin: bin, settings: append([]string{"fsync=off", "jit=off", "max_connections=50", "TimeZone=UTC"}, settings...)}
	err := s.initialize()
	if err == nil {
		err = s.start()
	}
	if err != nil {
		t.Fatal(errors.Join(err, s.remove()))
	}
	return s
}

// initialize makes the directory of the server and its data.
func (s *Server) initialize() error {
	s.uid, s.gid = os.Geteuid(), os.Getegid()
	if s.uid == 0 {
		account, err := user.Lookup("postgres")
		if err != nil {
			account, err = user.Lookup("nobody")
		}
		if err != nil {
			return err
		}
		s.uid, _ = strconv.Atoi(account.Uid)
		s.gid, _ = strconv.Atoi(account.Gid)
	}
	// The path of a socket has at most 107 bytes, and the user has to get there.
	dir, err := os.MkdirTemp("/tmp", "postgrestest")
	if err != nil {
		return err
	}
	s.dir = dir
	if err := os.Chown(dir, s.uid, s.gid); err != nil {
		return err
	}
	cmd := s.command("initdb", "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--wal-segsize=1")
	cmd.SysProcAttr = attributes(s.uid, s.gid)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

// command is one of PostgreSQL's programs, with nothing of the environment that could
// change what it does.
func (s *Server) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, program), args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC", "PATH=" + os.Getenv("PATH"), "LD_LIBRARY_PATH=" + os.Getenv("LD_LIBRARY_PATH")}
	return cmd
}

// start starts the process, and returns when the server takes connections.
func (s *Server) start() error {
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := s.command("postgres", "-D", "data", "-k", s.dir, "-h", "", "-p", "5432", // which is in the socket's name
		"-c", "dynamic_shared_memory_type=mmap") // in the directory, whoever removes it
	for _, setting := range s.settings {
		cmd.Args = append(cmd.Args, "-c", setting)
	}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = attributes(s.uid, s.gid)

	started, ended := make(chan error), make(chan struct{})
	go func() {
		// Linux ends the server with the thread that has started it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait() // the log says more
			close(ended)
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	s.process, s.ended = cmd.Process, ended

	for deadline := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		// As pg_ctl does it: the first line is the process, and the eighth its state.
		text, _ := os.ReadFile(filepath.Join(s.dir, "data", "postmaster.pid"))
		lines := strings.Split(string(text), "\n")
		if len(lines) > 7 && lines[0] == strconv.Itoa(s.process.Pid) && strings.TrimSpace(lines[7]) == "ready" {
			return nil
		}
		if !s.running() || time.Now().After(deadline) {
			text, _ := os.ReadFile(log.Name())
			return fmt.Errorf("postgres did not start:\n%s", text[max(0, len(text)-4096):])
		}
	}
}

func (s *Server) running() bool {
	select {
	case <-s.ended:
		return false
	default:
		return s.process != nil
	}
}

// end asks the process to end by a signal, and waits for it.
func (s *Server) end(signal os.Signal) error {
	if !s.running() {
		return nil
	}
	if err := s.process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.ended:
		return nil
	case <-time.After(patience):
		return errors.Join(errors.New("postgres did not end"), s.process.Kill())
	}
}

// remove ends the server at once, and removes its directory.
func (s *Server) remove() error {
	if s.process != nil && !s.running() {
		// One that was killed has left a segment of shared memory, which its
		// successor takes along.
		s.start()
	}
	return errors.Join(s.end(syscall.SIGQUIT), os.RemoveAll(s.dir))
}

// URL returns the URL of a database, which need not exist, as libpq, pgx and pq take it:
//
//	postgres://postgres@/test1?host=%2Ftmp%2Fpostgrestest123&port=5432&sslmode=disable
//
// It stays the same when the server restarts. The database postgres is always there.
func (s *Server) URL(database string) string {
	query := url.Values{"host": {s.dir}, "port": {"5432"}, "sslmode": {"disable"}}
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/" + database, RawQuery: query.Encode()}
	return u.String()
}

// Database makes an empty database and returns its URL. It is dropped when the test
// is over, whoever is still connected.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test%d", s.databases.Add(1))
	s.Exec(t, "postgres", "CREATE DATABASE "+name)
	t.Cleanup(func() {
		if s.running() {
			s.Exec(t, "postgres", "DROP DATABASE "+name+" WITH (FORCE)")
		}
	})
	return s.URL(name)
}

// Exec runs a statement with psql and returns what it prints: a line for each row,
// with a | between the columns.
func (s *Server) Exec(t testing.TB, database, statement string) string {
	t.Helper()
	out, err := s.command("psql", "-X", "-q", "-A", "-t", "-d", s.URL(database), "-c", statement).CombinedOutput()
	if err != nil {
		t.Fatalf("psql: %v\n%s", err, out)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// Kill kills all processes of the server at once, by SIGKILL. What the server has told
// to be committed is there after Restart, and nothing of a transaction that was not.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	s.alone(t)
	if err := kill(s.process); err != nil {
		t.Fatal(err)
	}
	<-s.ended
}

// Restart starts a server again that was killed, or that it shuts down before. It
// returns when the server takes connections.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.alone(t)
	err := s.end(syscall.SIGINT)
	if err == nil {
		err = s.start()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (s *Server) alone(t testing.TB) {
	t.Helper()
	if s.shared {
		t.Fatal("the shared server is that of other tests too: use Start")
	}
}
