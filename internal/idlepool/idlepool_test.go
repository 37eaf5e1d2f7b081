package idlepool

import (
	"testing"
	"testing/synctest"
	"time"
)

type fake struct{ closed bool }

func (f *fake) Open() bool { return !f.closed }

func (f *fake) Close() error {
	f.closed = true
	return nil
}

func TestPool(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New[*fake](2, time.Minute)
		if _, ok := p.Take(); ok {
			t.Error("an empty pool has a connection")
		}
		a, b, c := new(fake), new(fake), new(fake)
		for _, conn := range []*fake{a, b, c} {
			p.Put(conn)
		}
		if a.closed || b.closed || !c.closed {
			t.Error("of three connections not two are kept")
		}
		if got, _ := p.Take(); got != b {
			t.Error("the connection that was used last does not come first")
		}
		b.closed = true
		p.Put(b)
		if got, _ := p.Take(); got != a {
			t.Error("a connection that has ended is kept")
		}
		p.Put(a)
		time.Sleep(time.Minute)
		if _, ok := p.Take(); ok || !a.closed {
			t.Error("a connection is kept for longer than the limit")
		}
		d, e := new(fake), new(fake)
		p.Put(d)
		p.Close()
		p.Put(e)
		if _, ok := p.Take(); ok || !d.closed || !e.closed {
			t.Error("a closed pool has connections")
		}
	})
}
