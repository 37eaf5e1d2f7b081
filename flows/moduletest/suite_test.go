package moduletest

import (
	"fmt"
	"testing"
)

func TestBroker(t *testing.T) {
	t.Parallel()
	Test(t, func(*testing.T) Server {
		b, n := &Broker{}, 0
		return Server{Module: b.Module(), Trigger: "queue: orders", Publish: func(_ *testing.T, bodies ...string) {
			for _, body := range bodies {
				n++
				b.Publish(fmt.Sprint(n), body)
			}
		}}
	})
}
