package script

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// forbiddenOperations are operations that the child must not be able to do. Each returns its error. Read only.
var forbiddenOperations = map[string]func() error{
	"read a file":          func() error { _, err := os.ReadFile("/etc/passwd"); return err },
	"list a directory":     func() error { _, err := os.ReadDir("/"); return err },
	"make a file":          func() error { _, err := os.Create(os.TempDir() + "/penstock-restricted"); return err },
	"remove a file":        func() error { return os.Remove(os.TempDir() + "/penstock-restricted") },
	"change the directory": func() error { return os.Chdir("/") },
	"connect":              func() error { _, err := net.Dial("tcp", "127.0.0.1:9"); return err },
	"listen":               func() error { _, err := net.Listen("tcp", "127.0.0.1:0"); return err },
	"connect to a socket":  func() error { _, err := net.Dial("unix", "/run/x"); return err },
	"start a program":      func() error { return exec.Command("/proc/self/exe").Run() },
	"execute a program":    func() error { return syscall.Exec("/bin/true", []string{"true"}, nil) },
	"kill its parent":      func() error { return syscall.Kill(os.Getppid(), 0) },
	"another user":         func() error { return syscall.Setuid(12345) },
	"raise a limit":        func() error { return syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{Cur: 1, Max: 1}) },
}

// runForbiddenOperations is the child of TestChildIsRestricted: it drops the same permissions as a child of a pool, and writes the
// errors of its attempts.
func runForbiddenOperations() error {
	if err := restrict(); err != nil {
		return err
	}
	met := map[string]string{}
	for name, attempt := range forbiddenOperations {
		met[name] = "done"
		if err := attempt(); err != nil {
			met[name] = err.Error()
		}
	}
	for range 8 { // threads and memory are still available
		go runtime.LockOSThread()
	}
	met["memory"] = string(make([]byte, 64<<20)[:0])
	met["environment"] = strings.Join(os.Environ(), " ")
	return json.NewEncoder(os.Stdout).Encode(met)
}

func TestChildIsRestricted(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("nothing is restricted on " + runtime.GOOS + "/" + runtime.GOARCH)
	}
	cmd := exec.Command(os.Args[0], "script-try")
	cmd.Env = []string{}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the child: %v: %s", err, out)
	}
	met := map[string]string{}
	if err := json.Unmarshal(out, &met); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name := range forbiddenOperations {
		if !strings.Contains(met[name], "operation not permitted") {
			t.Errorf("%s: %s", name, met[name])
		}
	}
	if met["environment"] != "" || len(met) != len(forbiddenOperations)+2 {
		t.Errorf("met %v", met)
	}
}

// A file that this process would pass on is not inherited by a child.
func TestChildInheritsNoFiles(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("keepFiles is for Linux")
	}
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, f.Fd(), syscall.F_SETFD, 0); errno != 0 {
		t.Fatal(errno)
	}
	p := pool(t, 1)
	if _, err := p.Eval(t.Context(), newScript("return 1", "{}")); err != nil {
		t.Fatal(err)
	}
	flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, f.Fd(), syscall.F_GETFD, 0)
	if errno != 0 || flags&syscall.FD_CLOEXEC == 0 {
		t.Errorf("the file is passed on: flags %d, %v", flags, errno)
	}
}
