package limits

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strconv"
)

// keyWindow holds the moments of one caller's requests: a list. TTL: one window.
func keyWindow(parts ...string) string { return "penstock:limit:{" + digest(parts) + "}" }

// digest keeps what callers send, which may be a secret in the wrong place,
// out of the names of keys.
func digest(parts []string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:18])
}

// guessPrefix begins the keys of Attempts. All of them are in one slot of a
// Cluster: one script reads them together.
const guessPrefix = "penstock:{guess}:"

// sharedStates is how many states of a kind stand in for those that there is
// no room for.
const sharedStates = 1 << 14

// attemptKeys are the keys of one name at one network, in the order of
// attempt.lua.
//
//	penstock:{guess}:pair:*   string, state of a name at a network. TTL: until it says nothing, at most 160 minutes
//	penstock:{guess}:net:*    string, state of a network. TTL: likewise, at most 10 minutes
//	penstock:{guess}:name:*   string, state of a name. TTL: likewise, at most 30 minutes
//	penstock:{guess}:…:s:N    string, the same, shared. TTL: likewise
//	penstock:{guess}:known:*  zset of networks where a name was proved. TTL: remembered
//	penstock:{guess}:made     string, states made in a window. TTL: the window
func (a *Attempts) keys(name, network string) []string {
	pair, net, own := a.hash("pair", name, network), a.hash("network", network), a.hash("name", name)
	return []string{
		stateKey("pair:", pair), sharedKey("pair:", pair), stateKey("net:", net), sharedKey("net:", net),
		stateKey("name:", own), sharedKey("name:", own), stateKey("known:", own), guessPrefix + "made",
	}
}

// hash tells nothing of the parts to who has not the installation's key.
func (a *Attempts) hash(parts ...string) []byte {
	mac := hmac.New(sha256.New, a.config.Key)
	for _, p := range parts {
		mac.Write(binary.AppendUvarint(nil, uint64(len(p))))
		mac.Write([]byte(p))
	}
	return mac.Sum(nil)[:15]
}

func stateKey(kind string, sum []byte) string {
	return guessPrefix + kind + base64.RawURLEncoding.EncodeToString(sum)
}

func sharedKey(kind string, sum []byte) string {
	return guessPrefix + kind + "s:" + strconv.Itoa(int(binary.BigEndian.Uint16(sum))%sharedStates)
}
