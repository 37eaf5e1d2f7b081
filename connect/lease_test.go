package connect

import (
	"fmt"
	"sync"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

// replace stores another version of the sqlite connection "db".
func (p *testProcess) replace(version int) {
	p.t.Helper()
	p.put(store.Connection{Name: "db", Type: "sqlite", Settings: map[string]string{"file": fmt.Sprintf("%d.db", version)}})
}

func (p *testProcess) lease() *flows.Database {
	p.t.Helper()
	db, err := p.SQL(p.t.Context(), "db")
	if err != nil {
		p.t.Fatal(err)
	}
	return db
}

// The pool of a replaced connection serves its users, and is closed when the last one has released it.
func TestReplacedPoolIsClosedAfterItsLastUser(t *testing.T) {
	t.Parallel()
	p := newTestFleet(t).newProcess()
	p.replace(1)
	first, second := p.lease(), p.lease()
	p.replace(2)
	current := p.lease()
	first.Release()
	first.Release() // has no effect
	p.closing.Wait()
	if _, err := second.DB.ExecContext(t.Context(), "create table a (x)"); err != nil {
		t.Errorf("the replaced connection does not serve its last user: %v", err)
	}
	second.Release()
	p.closing.Wait()
	if err := second.DB.PingContext(t.Context()); err == nil || err.Error() != "sql: database is closed" {
		t.Errorf("the replaced pool after its last user: %v", err)
	}
	if len(p.retired) != 0 {
		t.Errorf("%d replaced pools are kept", len(p.retired))
	}
	if err := current.DB.PingContext(t.Context()); err != nil {
		t.Errorf("the current pool: %v", err)
	}
}

// A pool that nobody uses is closed when it is replaced.
func TestReplacedPoolWithoutUsersIsClosed(t *testing.T) {
	t.Parallel()
	p := newTestFleet(t).newProcess()
	p.replace(1)
	old := p.lease()
	old.Release()
	p.replace(2)
	p.lease().Release()
	p.closing.Wait()
	if err := old.DB.PingContext(t.Context()); err == nil {
		t.Error("the replaced pool is open")
	}
}

// Users never meet a closed pool while the connection is replaced again and again.
func TestPoolsAreReplacedWhileTheyAreUsed(t *testing.T) {
	t.Parallel()
	p := newTestFleet(t).newProcess()
	p.replace(0)
	stop := make(chan struct{})
	var users sync.WaitGroup
	for range 4 {
		users.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				db, err := p.SQL(t.Context(), "db")
				if err == nil {
					err = db.DB.PingContext(t.Context())
					db.Release()
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for version := range 20 {
		p.replace(version + 1)
		p.lease().Release()
	}
	close(stop)
	users.Wait()
	p.closing.Wait()
	if len(p.retired) != 0 {
		t.Errorf("%d replaced pools are kept", len(p.retired))
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
