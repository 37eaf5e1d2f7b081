package totp

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// rfc is the secret of RFC 6238, appendix B: "12345678901234567890".
const rfc = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

// The test vectors of RFC 6238, appendix B, for SHA-1, of which apps show the last six digits.
func TestVectors(t *testing.T) {
	t.Parallel()
	for at, want := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		if got, err := Code(rfc, time.Unix(at, 0)); err != nil || got != want {
			t.Errorf("at %d: %s, %v, want %s", at, got, err, want)
		}
	}
}

// A code counts in its step, in the one before and in the one after.
func TestDrift(t *testing.T) {
	t.Parallel()
	now := time.Unix(1234567890, 0) // the first second of a step
	code, err := Code(rfc, now)
	if err != nil {
		t.Fatal(err)
	}
	for after, want := range map[time.Duration]bool{-31 * time.Second: false, -30 * time.Second: true, 0: true, 59 * time.Second: true, 60 * time.Second: false} {
		step, right := Match(rfc, code, now.Add(after))
		if right != want || right && step != now.Unix()/30 {
			t.Errorf("%s later: step %d, %t", after, step, right)
		}
	}
	for _, wrong := range []string{"", "00592", "0059240", "005925", "００５９２４"} {
		if _, right := Match(rfc, wrong, now); right {
			t.Errorf("%q is accepted", wrong)
		}
	}
}

func TestWhatIsTyped(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{" 005 924\n": "005924", "abcd-efgh-2345-67ab": "ABCDEFGH234567AB", "005\u00a0924": "005924"} {
		if got := Plain(typed); got != want || IsCode(got) != (want == "005924") {
			t.Errorf("%q: %q", typed, got)
		}
	}
}

// Recovery codes are all different, and are known by their hashes only for their user.
func TestRecovery(t *testing.T) {
	t.Parallel()
	codes, hashes := NewRecovery("ann")
	if len(codes) != RecoveryCodes || len(slices.Compact(slices.Sorted(slices.Values(codes)))) != RecoveryCodes {
		t.Fatalf("codes %v", codes)
	}
	for i, code := range codes {
		if len(code) != 19 || strings.Contains(hashes[i], Plain(code)) {
			t.Errorf("code %s has the hash %s", code, hashes[i])
		}
		if !Recovery(hashes, HashRecovery("ann", Plain(strings.ToLower(code)))) || Recovery(hashes, HashRecovery("bob", Plain(code))) || Recovery(nil, hashes[i]) {
			t.Errorf("%s is not that of ann alone", code)
		}
	}
}

// The address has what apps read, whatever characters the names have.
func TestURI(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(URI("Penstock flows.example.org", "ann+1@example.org", rfc))
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/Penstock flows.example.org:ann+1@example.org" || u.Query().Get("secret") != rfc || u.Query().Get("issuer") != "Penstock flows.example.org" || strings.Contains(u.RawQuery, "+") {
		t.Errorf("%v, %v", u, err)
	}
	picture, err := QR(u.String())
	if err != nil || picture.Size < 29 || !strings.HasPrefix(picture.Path, "M4 4h7v1h-7z") { // the first finder pattern
		t.Errorf("%+v, %v", picture, err)
	}
}
