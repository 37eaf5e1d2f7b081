package fileserver

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// hostKeys are the keys that an SFTP server may have: whole keys, or their fingerprints (SHA-256, as OpenSSH shows them).
type hostKeys struct {
	keys         []ssh.PublicKey
	fingerprints []string
}

// readHostKeys reads the setting host_key.
func readHostKeys(text string) (hostKeys, error) {
	var h hostKeys
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if sum, ok := strings.CutPrefix(line, "SHA256:"); ok {
			if raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(sum, "=")); err != nil || len(raw) != 32 {
				return h, fmt.Errorf("host_key: line %d is no fingerprint: SHA256: and 43 characters", i+1)
			}
			h.fingerprints = append(h.fingerprints, strings.TrimRight(line, "="))
			continue
		}
		key, err := hostKey(line)
		if err != nil {
			return h, fmt.Errorf("host_key: line %d is neither a public key such as ssh-ed25519 AAAA…, nor a fingerprint SHA256:…", i+1)
		}
		h.keys = append(h.keys, key)
	}
	if len(h.keys)+len(h.fingerprints) == 0 {
		return h, errors.New("host_key is missing")
	}
	return h, nil
}

// hostKey parses a public key, also behind the names of hosts, as in known_hosts.
func hostKey(line string) (ssh.PublicKey, error) {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err == nil {
		return key, nil
	}
	marker, _, key, _, _, err := ssh.ParseKnownHosts([]byte(line))
	if err == nil && marker != "" {
		err = errors.New("a marker has no meaning here")
	}
	return key, err
}

// hostKeyError is the error for a server with another key.
type hostKeyError struct{ found string }

func (e *hostKeyError) Error() string {
	return fmt.Sprintf("the server's host key %s is not in host_key: either host_key is that of another server or of an older key, or this is not the server; "+
		"ask its operator for the fingerprint before you change host_key", e.found)
}

// check is an ssh.HostKeyCallback.
func (h hostKeys) check(_ string, _ net.Addr, key ssh.PublicKey) error {
	found := ssh.FingerprintSHA256(key)
	same := func(k ssh.PublicKey) bool { return bytes.Equal(k.Marshal(), key.Marshal()) }
	if slices.Contains(h.fingerprints, found) || slices.ContainsFunc(h.keys, same) {
		return nil
	}
	return &hostKeyError{key.Type() + " " + found}
}

// algorithms returns the signature algorithms that a server is asked for: those of the types of the keys or, because a fingerprint
// does not say its type, one type after the other. The list is nil for what the client prefers.
func (h hostKeys) algorithms() [][]string {
	ecdsa := []string{ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521}
	rsa := []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	if len(h.fingerprints) > 0 {
		return [][]string{nil, {ssh.KeyAlgoED25519}, ecdsa, rsa}
	}
	var all []string
	for _, key := range h.keys {
		if key.Type() == ssh.KeyAlgoRSA {
			all = append(all, rsa...)
			continue
		}
		all = append(all, key.Type())
	}
	return [][]string{all}
}
