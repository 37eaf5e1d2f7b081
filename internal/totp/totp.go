// Package totp has the second factor of people who sign in with a password: the codes of an authenticator app (RFC 6238) and recovery codes.
package totp

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

const (
	// Step is how long a code counts (RFC 6238, section 4.1).
	Step = 30 * time.Second
	// drift is how many steps a clock may be ahead or behind.
	drift = 1
	// Remember is how long a step that was used has to be known: until its code counts no more.
	Remember = (2*drift + 2) * Step
	// RecoveryCodes is the number of recovery codes of a user.
	RecoveryCodes = 10
	// secretSize is the length of a secret in bytes, as RFC 4226, section 4 recommends.
	secretSize = 20
	// recoverySize is the length of a recovery code in bytes: 80 bits, which cannot be guessed, also not from a hash.
	recoverySize = 10
	// group is the number of characters of a recovery code between two signs.
	group = 4
)

// how authenticator apps compute codes unless they are told otherwise, and some whatever they are told.
var how = hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}

var letters = base32.StdEncoding.WithPadding(base32.NoPadding)

// NewSecret returns a random secret in base32, as apps take it.
func NewSecret() string { return random(secretSize) }

func random(size int) string {
	data := make([]byte, size)
	_, _ = rand.Read(data) // never fails
	return letters.EncodeToString(data)
}

// URI returns the address that apps read from the QR code. issuer and user are shown by the app.
func URI(issuer, user, secret string) string {
	query := url.Values{"secret": {secret}, "issuer": {issuer}}
	return "otpauth://totp/" + url.PathEscape(issuer+":"+user) + "?" + strings.ReplaceAll(query.Encode(), "+", "%20")
}

// Code returns the code of a secret at a time.
func Code(secret string, at time.Time) (string, error) {
	return hotp.GenerateCodeCustom(secret, uint64(at.Unix()/int64(Step/time.Second)), how)
}

// IsCode reports whether a text that Plain returned has the form of an app's code; others may be recovery codes.
func IsCode(text string) bool {
	return len(text) == how.Digits.Length() && strings.Trim(text, "0123456789") == ""
}

// Plain returns what somebody typed without blanks and signs between groups.
func Plain(typed string) string {
	return strings.ToUpper(strings.NewReplacer(" ", "", "-", "", "\u00a0", "", "\t", "").Replace(strings.TrimSpace(typed)))
}

// Match returns the step whose code was given; false: it is that of no step near now. The caller accepts each step once. All steps are
// compared, in constant time.
func Match(secret, code string, now time.Time) (step int64, right bool) {
	at := now.Unix() / int64(Step/time.Second)
	for s := at - drift; s <= at+drift; s++ {
		want, err := hotp.GenerateCodeCustom(secret, uint64(s), how)
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			step, right = s, true
		}
	}
	return step, right
}

// NewRecovery returns recovery codes for a user, and the hashes to store.
func NewRecovery(user string) (codes, hashes []string) {
	for range RecoveryCodes {
		code := random(recoverySize)
		hashes = append(hashes, HashRecovery(user, code))
		var parts []string
		for ; code != ""; code = code[group:] {
			parts = append(parts, code[:group])
		}
		codes = append(codes, strings.Join(parts, "-"))
	}
	return codes, hashes
}

// HashRecovery returns the stored form of a recovery code, of which Plain was taken.
func HashRecovery(user, code string) string {
	sum := sha256.Sum256([]byte("penstock recovery code\x00" + user + "\x00" + code))
	return hex.EncodeToString(sum[:])
}

// Recovery reports whether a hash is one of those stored. It compares all, in constant time.
func Recovery(hashes []string, hash string) bool {
	found := 0
	for _, one := range hashes {
		found |= subtle.ConstantTimeCompare([]byte(one), []byte(hash))
	}
	return found == 1
}
