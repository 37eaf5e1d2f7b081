package connect

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/store"
)

// The examples of RFC 5849, sections 1.2 and 3.4.1.1.
func TestOAuth1Signatures(t *testing.T) {
	t.Parallel()
	signer := oauth1Signer{map[string]string{"consumer_secret": "kd94hf93k423kf44", "token_secret": "pfkkdhi9sl3r4s00", "signature_method": "HMAC-SHA1"}}
	get, _ := http.NewRequestWithContext(t.Context(), "GET", "http://photos.example.net:80/photos?file=vacation.jpg&size=original", nil)
	signature, err := signer.signature(get, []pair{
		{"oauth_consumer_key", "dpf43f3p2l4k3l03"}, {"oauth_token", "nnch734d00sl2jdk"}, {"oauth_signature_method", "HMAC-SHA1"},
		{"oauth_timestamp", "137131202"}, {"oauth_nonce", "chapoH"},
	})
	if want := "MdpQcU8iPSUjWoN/UDMsK2sui9I="; signature != want || err != nil {
		t.Errorf("%s, %v, want %s", signature, err, want)
	}
	post, _ := http.NewRequestWithContext(t.Context(), "POST", "http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b", strings.NewReader("c2&a3=2+q"))
	post.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	base, err := oauth1Base(post, []pair{
		{"oauth_consumer_key", "9djdj82h48djs9d2"}, {"oauth_token", "kkk9d7dh3k39sjv7"}, {"oauth_signature_method", "HMAC-SHA1"},
		{"oauth_timestamp", "137131201"}, {"oauth_nonce", "7d8f3e4a"},
	})
	want := "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
	if base != want || err != nil {
		t.Errorf("%s, %v\nwant %s", base, err, want)
	}
	if body, _ := io.ReadAll(post.Body); string(body) != "c2&a3=2+q" {
		t.Errorf("the body is %q", body)
	}
	signer.settings["signature_method"], signer.settings["consumer_secret"], signer.settings["token_secret"] = "PLAINTEXT", "djr9rjt0jd78jf88", "jjd999tj88uiths3"
	if got, _ := signer.signature(get, nil); got != "djr9rjt0jd78jf88&jjd999tj88uiths3" {
		t.Errorf("PLAINTEXT: %s", got)
	}
}

func TestOAuth1Connection(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Header.Get("Authorization")) }))
	t.Cleanup(server.Close)
	p := newTestFleet(t).newProcess()
	p.put(store.Connection{Name: "c", Type: "oauth1", Hosts: []string{server.URL}, Settings: map[string]string{
		"consumer_key": "k&y", "consumer_secret": "s1", "token": "t", "token_secret": "s2", "signature_method": "HMAC-SHA256", "realm": `a"b`,
	}})
	_, got, err := p.call(t.Context(), "c", "GET", server.URL+"/a", "")
	want := regexp.MustCompile(`^OAuth realm="a\\"b", oauth_consumer_key="k%26y", oauth_nonce="\w{26}", oauth_signature_method="HMAC-SHA256", oauth_timestamp="\d+", oauth_version="1.0", oauth_token="t", oauth_signature="[\w%]+%3D"$`)
	if err != nil || !want.MatchString(got) {
		t.Errorf("%s, %v", got, err)
	}
}

// What three APIs document is what arrives: Binance, Coinbase Exchange and Azure Communication Services.
func TestHMACRequests(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1_700_000_000_123)
	sum := func(key, text string) []byte {
		m := hmac.New(sha256.New, []byte(key))
		m.Write([]byte(text))
		return m.Sum(nil)
	}
	body := `{"a":1}`
	hash := sha256.Sum256([]byte(body))
	date, hash64 := "Tue, 14 Nov 2023 22:13:20 GMT", base64.StdEncoding.EncodeToString(hash[:])
	for name, c := range map[string]struct {
		settings map[string]string
		query    string
		headers  map[string]string
	}{
		"binance": {
			map[string]string{"key": "k3y", "sign": "{query}", "query": "timestamp: {timestamp_ms}\nsignature: {signature}"},
			"symbol=A%2FB&timestamp=1700000000123&signature=" + hex.EncodeToString(sum("k3y", "symbol=A%2FB&timestamp=1700000000123")), nil,
		},
		"coinbase": {
			map[string]string{
				"key": base64.StdEncoding.EncodeToString([]byte("k3y")), "key_encoding": "base64", "signature_encoding": "base64",
				"sign": "{timestamp}{method}{target}{body}", "headers": "CB-ACCESS-SIGN: {signature}\nCB-ACCESS-TIMESTAMP: {timestamp}",
			},
			"symbol=A%2FB",
			map[string]string{"Cb-Access-Sign": base64.StdEncoding.EncodeToString(sum("k3y", "1700000000POST/orders?symbol=A%2FB"+body)), "Cb-Access-Timestamp": "1700000000"},
		},
		"azure": {
			map[string]string{
				"key": base64.StdEncoding.EncodeToString([]byte("k3y")), "key_encoding": "base64", "signature_encoding": "base64",
				"sign":    "{method}\n{target}\n{date};{host};{body_sha256_base64}",
				"headers": "x-ms-date: {date}\nx-ms-content-sha256: {body_sha256_base64}\nAuthorization: HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}",
			},
			"symbol=A%2FB",
			map[string]string{
				"X-Ms-Date": date, "X-Ms-Content-Sha256": hash64,
				"Authorization": "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=" +
					base64.StdEncoding.EncodeToString(sum("k3y", "POST\n/orders?symbol=A%2FB\n"+date+";api.example.org;"+hash64)),
			},
		},
	} {
		conn := &store.Connection{Name: name, Type: "hmac_request", Hosts: []string{"api.example.org"}, Settings: c.settings}
		if err := Check(nil, conn); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		s, err := read(conn, hmacRequestType())
		if err != nil {
			t.Fatal(err)
		}
		signer, err := newRequestSigner(s)
		if err != nil {
			t.Fatal(err)
		}
		req, _ := http.NewRequestWithContext(t.Context(), "POST", "https://api.example.org/orders?symbol=A%2FB", io.NopCloser(strings.NewReader(body)))
		if err := signer.apply(req, at, "nonce"); err != nil {
			t.Fatal(err)
		}
		if req.URL.RawQuery != c.query {
			t.Errorf("%s: the query is %s\nwant %s", name, req.URL.RawQuery, c.query)
		}
		for header, want := range c.headers {
			if got := req.Header.Get(header); got != want {
				t.Errorf("%s: %s is %s\nwant %s", name, header, got, want)
			}
		}
		if sent, _ := io.ReadAll(req.Body); string(sent) != body {
			t.Errorf("%s: the body is %q", name, sent)
		}
	}
	for problem, settings := range map[string]map[string]string{
		"{signature} is neither in headers nor in query": {"key": "k", "sign": "{body}", "headers": "X-A: {timestamp}"},
		"sign: {nothing} is no part of a request":        {"key": "k", "sign": "{nothing}", "headers": "X-A: {signature}"},
		"sign: {signature} is no part of a request":      {"key": "k", "sign": "{signature}", "headers": "X-A: {signature}"},
		"key is no base64":                               {"key": "k&", "key_encoding": "base64", "sign": "{body}", "headers": "X-A: {signature}"},
		`the header "Host" cannot be sent`:               {"key": "k", "sign": "{body}", "headers": "Host: {signature}"},
	} {
		err := Check(nil, &store.Connection{Name: "c", Type: "hmac_request", Hosts: []string{"h.org"}, Settings: settings})
		if err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("%v, want %s", err, problem)
		}
	}
}

// digestServer checks digests as RFC 7616, section 3.4.1 computes them. Each nonce may be used twice; then it is stale.
func digestServer(t *testing.T, algorithm string) (server *httptest.Server, seen *[]string) {
	h := func(text string) string { sum := sha256.Sum256([]byte(text)); return hex.EncodeToString(sum[:]) }
	if algorithm == "MD5" {
		h = func(text string) string { sum := md5.Sum([]byte(text)); return hex.EncodeToString(sum[:]) }
	}
	var mu sync.Mutex
	nonce, uses := 0, 0
	seen = new([]string)
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		given := map[string]string{}
		for _, m := range regexp.MustCompile(`(\w+)="?([^",]*)"?`).FindAllStringSubmatch(r.Header.Get("Authorization"), -1) {
			given[m[1]] = m[2]
		}
		a1, a2 := h("Mufasa:realm:Circle of Life"), h(r.Method+":"+r.URL.RequestURI())
		want := h(strings.Join([]string{a1, given["nonce"], given["nc"], given["cnonce"], "auth", a2}, ":"))
		fresh := given["nonce"] == fmt.Sprint("n", nonce) && uses < 2
		if given["response"] == want && fresh {
			uses++
			*seen = append(*seen, given["nonce"]+" "+given["nc"]+" "+string(body))
			return
		}
		if nonce++; uses > 0 || nonce == 1 {
			uses = 0
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Digest realm="realm", qop="auth, auth-int", algorithm=%s, nonce="n%d", opaque="o", stale=%t`, algorithm, nonce, given["response"] == want))
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(server.Close)
	return server, seen
}

func TestDigestConnection(t *testing.T) {
	t.Parallel()
	p := newTestFleet(t).newProcess()
	for _, algorithm := range []string{"MD5", "SHA-256"} {
		server, seen := digestServer(t, algorithm)
		p.put(store.Connection{Name: algorithm, Type: "digest", Hosts: []string{server.URL}, Settings: map[string]string{"username": "Mufasa", "password": "Circle of Life"}})
		for i := range 3 {
			if status, _, err := p.call(t.Context(), algorithm, "POST", server.URL+"/dir/index.html?q=1", fmt.Sprint("body ", i)); status != http.StatusOK || err != nil {
				t.Errorf("%s: %d, %v", algorithm, status, err)
			}
		}
		if want := []string{"n1 00000001 body 0", "n1 00000002 body 1", "n2 00000001 body 2"}; !slices.Equal(*seen, want) {
			t.Errorf("%s: %q, want %q", algorithm, *seen, want)
		}
		p.put(store.Connection{Name: algorithm, Type: "digest", Hosts: []string{server.URL}, Settings: map[string]string{"username": "Mufasa", "password": "wrong"}})
		if status, _, err := p.call(t.Context(), algorithm, "GET", server.URL, ""); status != http.StatusUnauthorized || err != nil {
			t.Errorf("%s: a wrong password: %d, %v", algorithm, status, err)
		}
	}
}

// ntlmChallenge is a CHALLENGE_MESSAGE (MS-NLMP, section 2.2.1.2) without a target.
func ntlmChallenge() string {
	var b bytes.Buffer
	b.WriteString("NTLMSSP\x00")
	for _, v := range []any{uint32(2), uint64(48 << 32), uint32(0x00880201), [8]byte{1, 2, 3, 4, 5, 6, 7, 8}, [8]byte{}, uint16(4), uint16(4), uint32(48), [4]byte{}} {
		_ = binary.Write(&b, binary.LittleEndian, v)
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

// The three messages go over one network connection, which no other request uses.
func TestNTLMConnection(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var log []string
	challenged := map[string]bool{} // by network connection
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		message, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.Header.Get("Authorization"), "NTLM "))
		kind := uint32(0)
		if len(message) > 12 {
			kind = binary.LittleEndian.Uint32(message[8:])
		}
		body, _ := io.ReadAll(r.Body)
		switch {
		case kind == 1:
			challenged[r.RemoteAddr] = true
			w.Header().Set("WWW-Authenticate", "NTLM "+ntlmChallenge())
			w.WriteHeader(http.StatusUnauthorized)
			io.WriteString(w, strings.Repeat("please ", 1000))
		case kind == 3 && challenged[r.RemoteAddr] && bytes.Contains(message, []byte("a\x00n\x00n\x00")) && bytes.Contains(message, []byte("D\x00O\x00M\x00")):
			log = append(log, r.RemoteAddr+" "+string(body))
			io.WriteString(w, "fine")
		default:
			w.Header().Set("WWW-Authenticate", "NTLM")
			w.WriteHeader(http.StatusUnauthorized)
			io.WriteString(w, strings.Repeat("please ", 1000))
		}
	}))
	t.Cleanup(server.Close)
	p := newTestFleet(t).newProcess()
	p.put(store.Connection{Name: "win", Type: "ntlm", Hosts: []string{server.URL}, Settings: map[string]string{"username": `DOM\ann`, "password": "SecREt01"}})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			status, text, err := p.call(t.Context(), "win", "POST", server.URL+"/", fmt.Sprint("body ", i))
			if status != http.StatusOK || text != "fine" || err != nil {
				t.Errorf("%d %q, %v", status, text, err)
			}
		})
	}
	wg.Wait()
	slices.Sort(log)
	bodies := map[string]bool{}
	for _, line := range log {
		_, body, _ := strings.Cut(line, " ")
		bodies[body] = true
	}
	if len(log) != 8 || len(bodies) != 8 {
		t.Errorf("%q", log)
	}
}

func TestNTLMWithKeyExchange(t *testing.T) {
	t.Parallel()
	message, _ := base64.StdEncoding.DecodeString(ntlmChallenge())
	message[23] |= 0x40
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", "NTLM "+base64.StdEncoding.EncodeToString(message))
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(server.Close)
	p := newTestFleet(t).newProcess()
	p.put(store.Connection{Name: "win", Type: "ntlm", Hosts: []string{server.URL}, Settings: map[string]string{"username": `DOM\ann`, "password": "SecREt01"}})
	if _, _, err := p.call(t.Context(), "win", "GET", server.URL, ""); err == nil || !strings.Contains(err.Error(), "NTLMSSP_NEGOTIATE_KEY_EXCH") {
		t.Errorf("%v", err)
	}
}

func TestSetQuery(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{"": "k=v+1", "a=1&k=old&b=%2F&k=2": "a=1&b=%2F&k=v+1", "%6b=old": "k=v+1", "k": "k=v+1"} {
		u := &url.URL{RawQuery: query}
		if setQuery(u, "k", "v 1"); u.RawQuery != want {
			t.Errorf("%s: %s, want %s", query, u.RawQuery, cmp.Or(want, "nothing"))
		}
	}
}
