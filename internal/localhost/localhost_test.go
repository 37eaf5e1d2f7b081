package localhost

import "testing"

func TestIs(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true,
		"": false, "10.0.0.1": false, "localhost.example.org": false, "127.0.0.1:80": false, "[::1]": false, "0.0.0.0": false,
	} {
		if Is(host) != want {
			t.Errorf("%q: want %v", host, want)
		}
	}
}
