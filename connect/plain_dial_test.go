package connect

import (
	"errors"
	"testing"

	"github.com/penstock/penstock/connect/internal/server"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

// The policy decides by the resolved address, not by the name.
func TestWhereMailGoesWithoutTLS(t *testing.T) {
	t.Parallel()
	r := &Resolver{}
	as, err := r.open(&store.Connection{Name: "mail", Type: "smtp", Settings: map[string]string{
		"host": "mail.internal", "from": "a@b.org", "tls": "none", "trusted_network": "10.20.0.0/16 fd00::/8",
	}})
	if err != nil {
		t.Fatal(err)
	}
	m := as.(*mailer)
	for address, trusted := range map[string]bool{
		"10.20.3.4:25": true, "127.0.0.1:25": true, "[::1]:25": true, "[fd00::7]:25": true, "[::ffff:10.20.3.4]:25": true, "[fd00::7%eth0]:25": true,
		"10.21.3.4:25": false, "93.184.216.34:25": false, "[2001:db8::1]:25": false, "mail:25": false,
	} {
		if err := m.plain.Control("tcp", address, nil); (err == nil) != trusted {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := m.dial(t.Context(), "tcp", "192.0.2.1:25"); !errors.Is(err, server.ErrUntrustedAddress) {
		t.Errorf("dial: %v", err)
	}
	var failure *flows.Error
	if !errors.As(m.sendError(server.ErrUntrustedAddress), &failure) || failure.Class != "" || failure.Message != `connection "mail": `+server.ErrUntrustedAddress.Error() {
		t.Errorf("told as %+v", failure)
	}
}
