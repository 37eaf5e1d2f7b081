package budget

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/fstest"
)

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func TestARunHasABound(t *testing.T) {
	t.Parallel()
	var p *Process
	a := p.Open(1<<20, nil)
	defer a.Close()
	if err := a.Hold(t.Context(), 1<<20); err != nil {
		t.Error("the bound itself: ", err)
	}
	if err := a.Hold(t.Context(), 1<<17); !errors.Is(err, ErrRunLimit) {
		t.Errorf("beyond the bound: %v", err)
	}
	a.Release(1 << 20)
	if err := a.Hold(t.Context(), 1<<17); err != nil {
		t.Error("after a release: ", err)
	}
}

func TestWorkEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	charger := NewCharger(ctx, nil, new(atomic.Int64))
	if err := charger.Charge(chargeBatch); err != nil {
		t.Error(err)
	}
	cancel()
	if err := charger.Charge(chargeBatch); !errors.Is(err, context.Canceled) {
		t.Errorf("after its end: %v", err)
	}
}

func TestWhatATabChargedIsGivenBack(t *testing.T) {
	t.Parallel()
	p := New(1<<40, quiet())
	a := p.Open(0, nil)
	defer a.Close()
	var sum atomic.Int64
	charger := NewCharger(t.Context(), a, &sum)
	part := charger.Part()
	for range 100 {
		if err := errors.Join(charger.Charge(10_000), part.Charge(10_000)); err != nil {
			t.Fatal(err)
		}
	}
	if a.Used() < 1_900_000 || p.Stats().Charged != a.Used() {
		t.Errorf("charged %d, of the process %d", a.Used(), p.Stats().Charged)
	}
	part.Drop()
	if used := a.Used(); used < 900_000 || used > 1_000_000 {
		t.Errorf("without the part: %d", used)
	}
	a.Settle(&sum)
	if a.Used() != 0 || p.Stats().Charged != 0 {
		t.Errorf("left: %d, of the process %d", a.Used(), p.Stats().Charged)
	}
}

// The run that holds most is ended; the one that allocates continues.
func TestTheBiggestRunMakesRoom(t *testing.T) {
	t.Parallel()
	p := New(1<<40, quiet()) // the heap never reaches the limit: only charges count
	mark := p.share(highShare)
	var big, small *Account
	big = p.Open(0, func() { go big.Close() }) // as a run ends soon after its cancellation
	small = p.Open(0, nil)
	defer small.Close()
	big.limit, small.limit = 0, 0
	ofBig := new(atomic.Int64)
	if err := NewCharger(t.Context(), big, ofBig).Charge(mark - 1<<19); err != nil {
		t.Fatal("below the mark: ", err)
	}
	big.end = func() { go func() { big.Settle(ofBig); big.Close() }() }
	if err := NewCharger(t.Context(), small, new(atomic.Int64)).Charge(1 << 20); err != nil {
		t.Errorf("the small run: %v", err)
	}
	if !errors.Is(big.Err(), ErrEvicted) || p.Stats().Ended != 1 {
		t.Errorf("the big run: %v, %d runs ended", big.Err(), p.Stats().Ended)
	}
	if !p.Room() {
		t.Error("no room for new runs, although the heap is small")
	}
}

// Live memory is not available to new runs, dead memory is. Not parallel: other tests would grow the heap, too.
func TestRoomIsWhatIsNotAlive(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // the test decides when to collect
	const size = 256 << 20
	p := New(size*100/(roomShare+5), quiet())
	runtime.GC()
	held := make([]byte, size)
	if p.readHeap(); !p.Room() {
		t.Error("what no collection has found alive takes room")
	}
	runtime.GC()
	if p.readHeap(); p.Room() {
		t.Error("there is room beside what is alive")
	}
	runtime.KeepAlive(held)
	runtime.GC()
	if p.readHeap(); !p.Room() {
		t.Error("what is dead takes room")
	}
}

// A run that is alone and too large is ended itself.
func TestARunThatIsAloneEnds(t *testing.T) {
	t.Parallel()
	p := New(1<<30, quiet())
	stopped := make(chan struct{})
	a := p.Open(0, func() { close(stopped) })
	defer a.Close()
	a.limit = 0
	if err := NewCharger(t.Context(), a, new(atomic.Int64)).Charge(1 << 30); !errors.Is(err, ErrEvicted) {
		t.Errorf("got %v", err)
	}
	<-stopped
}

func TestBodiesHaveAShare(t *testing.T) {
	t.Parallel()
	p := New(1000, quiet())
	switch {
	case !p.Admit(p.share(bodyShare)), p.Admit(1):
		t.Error("the share is not what is admitted")
	case p.Stats().Denied != 1:
		t.Error("nothing was counted")
	}
	p.Free(p.share(bodyShare))
	if !p.Admit(1) {
		t.Error("nothing was given back")
	}
	p.full.Store(true)
	if p.Admit(1) {
		t.Error("admitted while there is no room")
	}
}

func TestLimitOfContainers(t *testing.T) {
	t.Parallel()
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	for name, test := range map[string]struct {
		files fstest.MapFS
		want  int64
	}{
		"version 2": {fstest.MapFS{"proc/self/cgroup": file("0::/\n"), "sys/fs/cgroup/memory.max": file("1073741824\n")}, 1 << 30},
		"the host's path": {fstest.MapFS{
			"proc/self/cgroup": file("0::/system.slice/docker-1.scope\n"), "sys/fs/cgroup/memory.max": file("1048576\n")}, 1 << 20},
		"the least of all levels": {fstest.MapFS{
			"proc/self/cgroup": file("0::/a/b\n"), "sys/fs/cgroup/a/b/memory.max": file("max\n"), "sys/fs/cgroup/a/memory.max": file("4096\n")}, 4096},
		"version 1": {fstest.MapFS{
			"proc/self/cgroup": file("4:memory:/x\n0::/\n"), "sys/fs/cgroup/memory/x/memory.limit_in_bytes": file("2097152\n")}, 2 << 20},
		"version 1, none": {fstest.MapFS{
			"proc/self/cgroup": file("4:memory:/\n"), "sys/fs/cgroup/memory/memory.limit_in_bytes": file("9223372036854771712\n")}, 0},
		"none": {fstest.MapFS{}, 0},
	} {
		if got := container(test.files); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
	if got := machine(fstest.MapFS{"proc/meminfo": file("MemTotal:  1024 kB\n")}); got != 1<<20 {
		t.Errorf("machine: %d", got)
	}
}

// The charge of a value is at least the growth of the heap, and at most three times as much. Not parallel: other
// tests would grow the heap, too.
func TestCosts(t *testing.T) {
	for _, members := range []int{0, 1, 8, 9, 30, 200, 2000} {
		n := max(50, 100_000/(members+1))
		list := make([]any, 0, n)
		names := make([]string, members)
		for i := range names {
			names[i] = strconv.Itoa(i)
		}
		before := live()
		for range n {
			object := map[string]any{}
			for _, name := range names {
				object[name] = nil
			}
			list = append(list, object)
		}
		grew := int64(live() - before)
		said := int64(n) * (Object + Members(members))
		if said < grew || members > 0 && said > 3*grew {
			t.Errorf("%d objects of %d members: said %d bytes, the heap grew by %d", n, members, said, grew)
		}
		runtime.KeepAlive(list)
	}
}

func live() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
