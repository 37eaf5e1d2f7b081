// Package credential recognizes credentials in requests that were written elsewhere: by the names of headers, parameters
// and members, and by values that look like tokens. Importers leave them out of what they write.
package credential

import (
	"slices"
	"strings"
	"unicode"
)

// holders are the last words of names that hold a credential. Read only.
var holders = strings.Fields("authorization auth token secret password passwd passphrase passcode passwort pwd pass pw credential credentials signature sig session cookie jwt pin cvc cvv otp totp sessid sessionid " +
	"apikey appkey authkey accesskey secretkey privatekey licensekey accesstoken authtoken refreshtoken idtoken bearertoken sastoken clientsecret userpassword")

// keyWords are the words before "key" that make it a credential. Read only.
var keyWords = strings.Fields("api app application access subscription private secret function functions auth authentication authorization encryption signing shared master admin account license licence consumer client service " +
	"host storage webhook security rest integration developer dev partner merchant token user session login x")

// publicKeys are the words before "key" of headers and parameters that are no credentials. Read only.
var publicKeys = strings.Fields("idempotency idempotent public sort partition primary foreign cache object row issue project routing translation group order dedup deduplication correlation lookup start end last first " +
	"record external document message range sec websocket surrogate")

// tails are last words that say of a credential in which form or how often it is written. Read only.
var tails = strings.Fields("value text string base64 b64 hex confirm confirmation confirmed repeat again new old current digits")

// Name reports whether a member, parameter or header of this name holds a credential: client_secret, apiKey, X-Auth-Token.
func Name(name string) bool {
	words := wordsOf(name)
	for len(words) > 1 && slices.Contains(tails, words[len(words)-1]) {
		words = words[:len(words)-1]
	}
	if len(words) == 0 {
		return false
	}
	last := words[len(words)-1]
	before := ""
	if len(words) > 1 {
		before = words[len(words)-2]
	}
	switch {
	case slices.Contains(holders, last):
		return true
	case last == "key":
		return slices.Contains(keyWords, before) // `key` alone is that of a member as often
	case last == "id":
		return before == "session"
	}
	for _, suffix := range []string{"token", "secret", "password", "passphrase", "apikey", "sessid"} {
		if strings.HasSuffix(last, suffix) {
			return true
		}
	}
	return false
}

// Sent reports whether a header or a query parameter of this name holds a credential. Beside Name, all are taken for one whose name
// ends with key, unless it is known to be of another kind, and those with the name of a secret within.
func Sent(name string) bool {
	if Name(name) || strings.EqualFold(name, "key") {
		return true
	}
	words := wordsOf(name)
	if n := len(words); n > 1 && words[n-1] == "key" && !slices.Contains(publicKeys, words[n-2]) {
		return true
	}
	joined := strings.Join(words, "")
	return strings.Contains(joined, "apikey") || strings.Contains(joined, "secret") || strings.Contains(joined, "password")
}

// wordsOf splits a name into its words in small letters: X-APIKey2 is x, api, key. Digits at the end of a word are left out.
func wordsOf(name string) []string {
	var words []string
	var word []rune
	end := func() {
		if text := strings.TrimRight(string(word), "0123456789"); text != "" {
			if text == "base" && string(word) == "base64" || text == "b" && string(word) == "b64" {
				text = string(word)
			}
			words = append(words, text)
		}
		word = word[:0]
	}
	runes := []rune(name)
	for i, c := range runes {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			end()
			continue
		}
		if unicode.IsUpper(c) && i > 0 {
			before := runes[i-1]
			next := i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if unicode.IsLower(before) || unicode.IsDigit(before) || unicode.IsUpper(before) && next {
				end()
			}
		}
		word = append(word, unicode.ToLower(c))
	}
	end()
	return words
}
