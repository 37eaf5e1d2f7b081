package importer

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// curlReader reads the words of a line.
type curlReader struct {
	call
	words    []string
	data     []string // of -d and its kin
	file     string   // that -d @file or -T names; "": none
	upload   bool     // -T
	json     bool     // --json
	get      bool     // -G
	globs    bool     // -g: braces in the URL are no lists
	urls     []string
	added    []string // --url-query
	unformed bool     // a part of the data is not known
	login    string   // what -u is for: "digest", "ntlm", "negotiate", "aws-sigv4"; "": basic
}

func (r *curlReader) next() string {
	if len(r.words) == 0 {
		return ""
	}
	word := r.words[0]
	r.words = r.words[1:]
	return word
}

// shortValues are the letters of options that take a value, also in the same word: -XPOST. Read only.
const shortValues = "XHdFubAeowmcxETDKrCtyYzPQ"

func (r *curlReader) option(word string) error {
	switch {
	case len(word) < 2 || word[0] != '-':
		r.urls = append(r.urls, word)
		return nil
	case strings.HasPrefix(word, "--"):
		if name, value, ok := strings.Cut(word, "="); ok {
			r.words = append([]string{value}, r.words...)
			word = name
		}
		return r.long(word)
	}
	for i := 1; i < len(word); i++ {
		letter := "-" + word[i:i+1]
		if strings.Contains(shortValues, word[i:i+1]) {
			if i+1 < len(word) {
				r.words = append([]string{word[i+1:]}, r.words...)
			}
			return r.long(letter)
		}
		if err := r.long(letter); err != nil {
			return err
		}
	}
	return nil
}

var methodName = regexp.MustCompile(`^[A-Za-z]+$`)

func (r *curlReader) long(name string) error {
	switch name {
	case "-X", "--request":
		method := r.next()
		if !methodName.MatchString(method) {
			return fmt.Errorf("%s: %q is no method", name, shorten(method, 30))
		}
		r.method = strings.ToLower(method)
	case "-H", "--header":
		r.headerOption(r.next())
	case "-u", "--user":
		r.next()
		if r.login != "" { // it is for that login
			r.note(name, "is a credential: the connection has it")
			return nil
		}
		r.needAt(name, "basic", map[string]any{"type": "http", "scheme": "basic"})
	case "--oauth2-bearer":
		r.next()
		r.needAt(name, "bearer", map[string]any{"type": "http", "scheme": "bearer"})
	case "--digest", "--ntlm", "--negotiate", "--aws-sigv4":
		delete(r.schemes, "basic")
		r.needs = slices.DeleteFunc(r.needs, func(n string) bool { return n == "basic" })
		r.login = strings.TrimPrefix(name, "--")
		if r.login == "aws-sigv4" {
			r.next()
		}
		r.needAt(name, r.login, map[string]any{"type": "http", "scheme": r.login})
	case "-b", "--cookie":
		if cookie := r.next(); strings.Contains(cookie, "=") {
			r.addHeader("Cookie", cookie)
		} else {
			r.note(name, "the file "+shorten(cookie, 60)+" is not read: its cookies belong into a connection")
		}
	case "-e", "--referer":
		r.addHeader("Referer", strings.TrimSuffix(r.next(), ";auto"))
	case "-d", "--data", "--data-ascii", "--data-binary", "--data-raw", "--json", "--data-urlencode":
		r.dataOption(name, r.next())
	case "--url-query":
		r.added = append(r.added, strings.TrimPrefix(r.urlencoded(name, r.next()), "+"))
	case "-F", "--form", "--form-string":
		return r.formOption(name, r.next())
	case "-T", "--upload-file":
		if r.file != "" {
			return fmt.Errorf("%s: the line sends several files", name)
		}
		r.file, r.upload = r.next(), true
		r.note(name, "the file "+shorten(r.file, 60)+" is not read: the step sends the file of the run that it is given")
	case "-G", "--get":
		r.get = true
	case "-g", "--globoff":
		r.globs = true
	case "-I", "--head":
		r.method = "head"
	case "--url":
		r.urls = append(r.urls, r.next())
	case "-:", "--next":
		return fmt.Errorf("%s: the line has several requests, one is expected", name)
	case "--variable":
		return fmt.Errorf("%s: variables of curl are not read: write their values", name)
	default:
		if strings.HasPrefix(name, "--expand-") {
			return fmt.Errorf("%s: variables of curl are not read: write their values", name)
		}
		r.further(name)
	}
	return nil
}

// headerOption reads `Name: value`, `Name;` for an empty one, `Name:` for one that is not sent, and @file.
func (r *curlReader) headerOption(text string) {
	header, value, ok := strings.Cut(text, ":")
	header, value = strings.TrimSpace(header), strings.TrimSpace(value)
	switch {
	case strings.HasPrefix(text, "@"):
		r.note("-H", "the file "+shorten(text[1:], 60)+" is not read: write its headers")
	case !ok && strings.HasSuffix(text, ";"):
		r.headers = append(r.headers, pair{strings.TrimSuffix(header, ";"), ""})
	case !ok:
		r.note("-H", quoted(shorten(header, 40))+" is no header, and curl does not send it")
	case value != "":
		if strings.EqualFold(header, "User-Agent") {
			r.note("the header User-Agent", "is not taken over")
		}
		if strings.EqualFold(header, "Host") { // the step sends another one than that of the URL
			r.headers = append(r.headers, pair{"Host", value})
			return
		}
		r.addHeader(header, value)
	}
}

// curlSilent are options that change what curl prints or how it connects, and not the request. Those of the second list have a value.
// Read only.
var (
	curlSilent = strings.Fields("-s --silent -S --show-error -v --verbose -i --include --show-headers -L --location -f --fail --fail-with-body --fail-early -# --progress-bar --no-progress-meter -N --no-buffer -O --remote-name -J " +
		"--remote-header-name -R --remote-time -q --disable --compressed --create-dirs -0 --http1.0 --http1.1 --http2 --http2-prior-knowledge --http3 --http3-only --tcp-nodelay --tcp-fastopen --no-keepalive --keepalive -4 --ipv4 -6 --ipv6 " +
		"-1 --tlsv1 --tlsv1.0 --tlsv1.1 --tlsv1.2 --tlsv1.3 --ssl-reqd --ssl --no-sessionid --no-alpn --basic --anyauth --trace-time --styled-output --no-clobber --location-trusted -a --append --path-as-is --parallel -Z --form-escape --raw")
	curlSilentValues = strings.Fields("-o --output --output-dir -w --write-out -c --cookie-jar -D --dump-header --trace --trace-ascii --stderr --max-redirs --ciphers --tls-max --tls13-ciphers --curves --keepalive-time --limit-rate " +
		"--max-filesize -y --speed-time -Y --speed-limit --dns-servers --expect100-timeout --retry-delay --retry-max-time --parallel-max --rate --libcurl")
)

// curlUnsaid are the options with a value that a step says elsewhere, or not at all. Read only.
var curlUnsaid = map[string]string{
	"-x": "a proxy is a connection: `proxy`", "--proxy": "a proxy is a connection: `proxy`", "-U": "a proxy is a connection: `proxy`", "--proxy-user": "a proxy is a connection: `proxy`",
	"--socks5": "a proxy is a connection: `proxy`", "--socks5-hostname": "a proxy is a connection: `proxy`", "--cacert": "a certificate of an authority goes into `tls: {ca: …}`",
	"-E": "a client certificate is a connection of the type mtls", "--cert": "a client certificate is a connection of the type mtls", "--key": "a client certificate is a connection of the type mtls",
	"--pass": "a client certificate is a connection of the type mtls", "--cert-type": "a client certificate is a connection of the type mtls", "--key-type": "a client certificate is a connection of the type mtls",
	"-A": "the header User-Agent is not taken over", "--user-agent": "the header User-Agent is not taken over",
	"-K": "the file is not read: write its options", "--config": "the file is not read: write its options", "-r": "write the header Range", "--range": "write the header Range",
	"-C": "is not taken over", "--continue-at": "is not taken over", "--resolve": "is not taken over", "--connect-to": "is not taken over", "--interface": "is not taken over", "--unix-socket": "is not taken over",
	"--doh-url": "is not taken over", "--request-target": "is not taken over", "-z": "write the header If-Modified-Since", "--time-cond": "write the header If-Modified-Since", "--proto": "is not taken over",
	"--proto-default": "is not taken over", "--proto-redir": "is not taken over", "-t": "is not taken over", "-P": "is not taken over", "-Q": "is not taken over", "--netrc-file": "the file is not read: add a connection",
	"--etag-compare": "the file is not read: write the header If-None-Match", "--etag-save": "is not taken over", "--login-options": "is not taken over", "--delegation": "is not taken over",
	"--capath": "a certificate of an authority goes into `tls: {ca: …}`", "--pinnedpubkey": "is not taken over", "--haproxy-clientip": "is not taken over",
}

// further reads an option that says nothing about the request, or what a step says elsewhere.
func (r *curlReader) further(name string) {
	switch name {
	case "-m", "--max-time", "--connect-timeout":
		r.note(name, fmt.Sprintf("is not taken over: write `timeout: %ss`", shorten(r.next(), 20)))
		return
	case "--retry":
		n, _ := strconv.Atoi(r.next())
		r.note(name, fmt.Sprintf("is not taken over: write `retry: %d`", min(n+1, 20)))
		return
	case "-k", "--insecure":
		r.note(name, "certificates are always verified: an authority of your own goes into `tls: {ca: …}`")
		return
	case "-n", "--netrc", "--netrc-optional":
		r.note(name, "the file is not read: add a connection")
		return
	}
	if why, ok := curlUnsaid[name]; ok {
		r.next()
		r.note(name, why)
	} else if slices.Contains(curlSilentValues, name) {
		r.next()
	} else if !slices.Contains(curlSilent, name) {
		r.note(name, "the option is not known, and is left out")
	}
}

// baseName is the name of a file without its directories.
func baseName(file string) string { return path.Base(strings.ReplaceAll(file, `\`, "/")) }
