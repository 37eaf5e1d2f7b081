package embedded

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

// dumpOf returns the file of a store with these keys, each with its value.
func dumpOf(keys ...string) []byte {
	var b bytes.Buffer
	for _, k := range keys {
		writeCommand(&b, "SET", k, "value of "+k)
	}
	return b.Bytes()
}

// restart starts a server on a file with this content and returns its keys and its log.
func restart(t *testing.T, file string, text []byte) (keys map[string]any, said string) {
	t.Helper()
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s, err := Start(Config{File: file, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	c := redis.NewClient(s.Options())
	defer s.Close()
	defer c.Close()
	return content(t, c), log.String()
}

func valuesOf(keys ...string) map[string]any {
	all := map[string]any{}
	for _, k := range keys {
		all[k] = "value of " + k
	}
	return all
}

// kept returns the content of the one file that was set aside; nil: there is none.
func kept(t *testing.T, file string) []byte {
	t.Helper()
	names, err := filepath.Glob(file + ".damaged-*")
	if err != nil || len(names) > 1 {
		t.Fatalf("set aside: %q, %v", names, err)
	}
	if len(names) == 0 {
		return nil
	}
	content, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// Of a file that is cut anywhere, the complete commands are loaded; the damaged file is kept, and the next start
// finds an undamaged one.
func TestAFileThatIsCutAtEveryByte(t *testing.T) {
	t.Parallel()
	whole := dumpOf("a", "b", "c")
	ends := []int{0, len(dumpOf("a")), len(dumpOf("a", "b")), len(whole)}
	for cut := range len(whole) {
		file := filepath.Join(t.TempDir(), "store.aof")
		var names []string
		for i, end := range ends[1:] {
			if cut >= end {
				names = append(names, string(rune('a'+i)))
			}
		}
		sound := false
		for _, end := range ends {
			sound = sound || cut == end
		}
		got, said := restart(t, file, whole[:cut])
		if diff := cmp.Diff(valuesOf(names...), got); diff != "" {
			t.Fatalf("cut at %d (-want +got):\n%s", cut, diff)
		}
		if aside := kept(t, file); sound != (aside == nil) || !sound && !bytes.Equal(aside, whole[:cut]) {
			t.Fatalf("cut at %d: set aside %q", cut, aside)
		}
		if sound != (said == "") || !sound && !strings.Contains(said, ".damaged-") {
			t.Fatalf("cut at %d: said %q", cut, said)
		}
		if healed, _ := os.ReadFile(file); !bytes.Equal(healed, dumpOf(names...)) {
			t.Fatalf("cut at %d: the file holds %q", cut, healed)
		}
	}
}

// A flipped bit loses the command that contains it, and at most the next one. Inside of a value or a key it cannot be
// detected: an append-only file has no checksums.
func TestAFlippedBitAnywhere(t *testing.T) {
	t.Parallel()
	names := []string{"alpha", "bravo", "charlie", "delta", "echo"}
	whole := dumpOf(names...)
	from, to := len(dumpOf(names[:2]...)), len(dumpOf(names[:3]...))
	for at := from; at < to; at++ {
		for bit := range 8 {
			broken := bytes.Clone(whole)
			broken[at] ^= 1 << bit
			file := filepath.Join(t.TempDir(), "store.aof")
			got, said := restart(t, file, broken)
			for _, k := range []string{"alpha", "bravo", "echo"} {
				if got[k] != "value of "+k {
					t.Fatalf("byte %d, bit %d: %q is gone; there are %q", at, bit, k, got)
				}
			}
			if aside := kept(t, file); len(got) < len(names) && !bytes.Equal(aside, broken) {
				t.Fatalf("byte %d, bit %d: of %q, set aside: %q; said %q", at, bit, got, aside, said)
			}
		}
	}
}

// Reading never continues inside a value after damage, unless the value looks like a dump, and no length makes it
// allocate memory.
func TestWhatIsNoCommandIsNotRun(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]string{
		"text":     "hello\r\n",
		"zeros":    strings.Repeat("\x00", 4096) + "\r\n",
		"length":   "*2\r\n$999999999999\r\nx\r\n",
		"count":    "*999999999999999\r\n$1\r\n",
		"negative": "*-1\r\n*2\r\n$-5\r\n\r\n",
		"refused":  "*2\r\n$5\r\nSETXX\r\n$1\r\nk\r\n",
		"other":    "x\r\n*1\r\n$8\r\nFLUSHALL\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "store.aof")
			got, said := restart(t, file, append([]byte(broken), dumpOf("k")...))
			if diff := cmp.Diff(valuesOf("k"), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !strings.HasPrefix(string(kept(t, file)), broken) || !strings.Contains(said, "first_at_byte=0") {
				t.Errorf("set aside: %q; said %q", kept(t, file), said)
			}
		})
	}
}

func TestAnEmptyFileIsAnEmptyStore(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "store.aof")
	if got, said := restart(t, file, nil); len(got) > 0 || said != "" || kept(t, file) != nil {
		t.Errorf("keys %q, said %q, set aside %q", got, said, kept(t, file))
	}
}

// Two files that are damaged within a second get two names.
func TestEachDamagedFileIsKept(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "store.aof")
	for i := range 3 {
		restart(t, file, fmt.Append(nil, "damage ", i))
	}
	if names, _ := filepath.Glob(file + ".damaged-*"); len(names) != 3 {
		t.Errorf("set aside: %q", names)
	}
}

func TestADirectoryInPlaceOfTheFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "store.aof")
	if err := os.Mkdir(file, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(Config{File: file, Log: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), file+": is a directory") {
		t.Errorf("error %v", err)
	}
}

// restricted runs a test again in a process with fewer permissions.
func restricted(t *testing.T, restrict func() error, test func(t *testing.T)) {
	t.Helper()
	if os.Getenv("RESTRICTED") == t.Name() {
		if err := restrict(); err != nil {
			t.Fatal(err)
		}
		test(t)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "RESTRICTED="+t.Name())
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("--- PASS")) {
		t.Errorf("%v: %s", err, out)
	}
}

const nobody = 65534

func TestAFileThatMayNotBeRead(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "store.aof")
	if err := os.WriteFile(file, dumpOf("k"), 0o000); err != nil {
		t.Fatal(err)
	}
	restricted(t, func() error {
		if os.Getuid() != 0 {
			return nil
		}
		for dir := file; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
			if err := os.Chown(dir, nobody, nobody); err != nil {
				return err
			}
		}
		return syscall.Setuid(nobody)
	}, func(t *testing.T) {
		_, err := Start(Config{File: file, Log: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.Contains(err.Error(), file+": permission denied") {
			t.Errorf("error %v", err)
		}
	})
}

// A limit on the size of files simulates a full disk: the last saved state stays, no part of a file is left, and the
// next save works.
func TestASaveOnAFullDisk(t *testing.T) {
	t.Parallel()
	const limit = 64 << 10
	restricted(t, func() error {
		return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit})
	}, func(t *testing.T) {
		dir := t.TempDir()
		file := filepath.Join(dir, "store.aof")
		s, c := start(t, file)
		must(t, c.Set(t.Context(), "small", "v", 0))
		s.stop()
		<-s.done // only this test saves from now on
		if err := s.save(); err != nil {
			t.Fatal(err)
		}
		before, _ := os.ReadFile(file)
		must(t, c.Set(t.Context(), "large", strings.Repeat("x", limit), 0))
		if err := s.save(); err == nil || !strings.Contains(err.Error(), "file too large") {
			t.Errorf("save: %v", err)
		}
		if after, _ := os.ReadFile(file); !bytes.Equal(before, after) {
			t.Errorf("the file holds %s", strconv.Quote(string(after[:min(len(after), 100)])))
		}
		if parts, _ := filepath.Glob(filepath.Join(dir, "*.tmp")); len(parts) > 0 {
			t.Errorf("left behind: %q", parts)
		}
		must(t, c.Del(t.Context(), "large"))
		must(t, c.Set(t.Context(), "small", "again", 0))
		if err := s.save(); err != nil {
			t.Errorf("save with room: %v", err)
		}
	})
}

// A damaged file whose repair does not fit on the disk stays unchanged.
func TestARepairOnAFullDisk(t *testing.T) {
	t.Parallel()
	const limit = 64 << 10
	file := filepath.Join(t.TempDir(), "store.aof")
	var b bytes.Buffer
	writeCommand(&b, "SET", "k", strings.Repeat("x", limit))
	b.WriteString("damage")
	if os.Getenv("RESTRICTED") == "" {
		restricted(t, nil, nil)
		return
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	restricted(t, func() error {
		return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit})
	}, func(t *testing.T) {
		if _, err := Start(Config{File: file, Log: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), "file too large") {
			t.Errorf("error %v", err)
		}
		if now, _ := os.ReadFile(file); !bytes.Equal(now, b.Bytes()) || kept(t, file) != nil {
			t.Error("the damaged file was changed or set aside")
		}
	})
}
