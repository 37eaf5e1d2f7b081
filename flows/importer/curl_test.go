package importer_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/importer"
	"github.com/penstock/penstock/flows/steps"
)

// The step sends what curl sends. The notes name what it does not send.
func TestCurlSendsTheSame(t *testing.T) {
	t.Parallel()
	const at = "https://api.example.org/a"
	for _, test := range []struct{ line, want, told string }{
		{`curl '` + at + `?id=1&id=2&x=3&id=3'`, `get: "` + at + `", query: {id: ["1", "2", "3"], x: "3"}`, ""},
		{`curl -G ` + at + ` -d a=1 -d a=2 --data-urlencode 'q=a b&c'`, `get: "` + at + `", query: {a: ["1", "2"], q: "a b&c"}`, ""},
		{`curl ` + at + ` -d a=1 -d a=2`, `post: "` + at + `", form: {a: ["1", "2"]}`, ""},
		{`curl ` + at + ` --data-raw $'{"a":"50\u0025 \x41\101\'"}' -H 'Content-Type: application/json'`, `post: "` + at + `", json: {a: "50% AA'"}`, ""},
		{`curl ` + at + ` -F 'j={"a":1};type=application/json' -F 't=x;type=text/plain; charset=utf-8;filename="a;b.txt"'`,
			`post: "` + at + `", multipart: [{name: j, value: '{"a":1}', content_type: application/json}, {name: t, value: x, filename: "a;b.txt", content_type: "text/plain; charset=utf-8"}]`, ""},
		{`curl ` + at + ` -F f=<a.txt -F 'g=@b.pdf;filename=c.pdf' -F 'h=@1.txt,2.txt' --form-string 'i=@x;y'`,
			`post: "` + at + `", multipart: [{name: f, value: "${ .f }"}, {name: g, file: "${ .g }", filename: c.pdf}, {name: h, file: "${ .h }"}, {name: h, file: "${ .h_2 }"}, {name: i, value: "@x;y"}]`, "standard input"},
		{`curl ` + at + ` -F 'f=<a.txt'`, `post: "` + at + `", multipart: [{name: f, value: "${ .f }"}]`, "the file a.txt is not read"},
		{`curl -T b.csv ` + at + `/`, `put: "` + at + `/b.csv", file: "${ .file }"`, "the file b.csv is not read"},
		{`curl --upload-file b.csv -H 'Content-Type: text/csv' ` + at, `put: "` + at + `", file: "${ .file }", content_type: text/csv`, ""},
		{`curl ` + at + ` --data-urlencode n@file.txt --data-urlencode @x --data-urlencode =y`, `post: "` + at + `", raw: "n=&&y", content_type: application/x-www-form-urlencoded`, "file.txt"},
		{`curl ` + at + ` --data-urlencode n@file.txt`, `post: "` + at + `", form: {n: ""}`, `write the value "n"`},
		{`curl ` + at + ` -H @headers.txt`, `get: "` + at + `"`, "headers.txt is not read"},
		{`curl ` + at + ` -d 'hello=%zz&a=1'`, `post: "` + at + `", raw: "hello=%zz&a=1", content_type: application/x-www-form-urlencoded`, ""},
		{`curl ` + at + ` -d 'hello world'`, `post: "` + at + `", raw: hello world, content_type: application/x-www-form-urlencoded`, ""},
		{`curl ` + at + ` -d @body.json -H 'Content-Type: application/json'`, `post: "` + at + `", file: "${ .file }", content_type: application/json`, "body.json"},
		{`curl ` + at + ` --json '"a"'`, `post: "` + at + `", json: a`, ""},
		{`curl ` + at + ` --json '{a}'`, `post: "` + at + `", raw: "{a}", content_type: application/json`, ""},
		{`curl ` + at + ` -d '{"a":1}'`, `post: "` + at + `", json: {a: 1}`, "no header Content-Type"},
		{`$ curl -s ` + at + ` | jq .`, `get: "` + at + `"`, "what follows it is not read"},
		{`curl -s ` + at + ` > out.json 2>&1`, `get: "` + at + `"`, ""},
		{"curl ^\"" + at + "?a=^%^7Eb^\" ^\n  -H ^\"x-note: a^&b^\" ^\n  --data-raw ^\"^{^\\^\"a^\\^\":1^}^\" -H ^\"content-type: application/json^\"", `post: "` + at + `", query: {a: "~b"}, headers: {x-note: "a&b"}, json: {a: 1}`, ""},
		{`curl -H "X-Org: $ORG" ` + at, `get: "` + at + `", headers: {X-Org: $ORG}`, "$ORG: a variable of the shell"},
		{`curl -H 'X-A: 1' -H 'x-a: 2' -H 'X-B;' -H 'Accept:' ` + at, `get: "` + at + `", headers: {X-A: "1, 2", X-B: ""}`, ""},
		{`curl ` + at + ` -A me --max-time 30 --retry 3 --frobnicate`, `get: "` + at + `"`, "retry: 4"},
		{`curl '` + at + `/x/../b/./c'`, `get: "` + at + `/b/c"`, ""},
		{`curl localhost:8080/a`, `get: "http://localhost:8080/a"`, ""},
		{`curl api.example.org/a`, `get: "` + at + `"`, "no scheme"},
		{`curl '` + at + `?flag'`, `get: "` + at + `", query: {flag: ""}`, "is sent with ="},
		{`curl --digest -u a:b ` + at, `get: "` + at + `", connection: example`, `(digest) with the host`},
		{`curl -u a:b --ntlm ` + at, `get: "` + at + `", connection: example`, `(ntlm) with the host`},
		{`curl --aws-sigv4 aws:amz:eu-west-2:es -u a:b ` + at, `get: "` + at + `", connection: example`, `(aws_sigv4) with the host`},
		{`curl -u a:b ` + at, `get: "` + at + `", connection: example`, `(basic) with the host`},
		{`curl -H 'Host: other.example.org' ` + at, `get: "` + at + `", headers: {Host: other.example.org}`, ""},
		{`curl ` + at + ` -H 'Content-Type: application/xml' -d '<a><n>${1}</n></a>'`, `post: "` + at + `", raw: "<a><n>$${1}</n></a>", content_type: application/xml`, ""},
	} {
		step, notes, err := importer.CurlStep(test.line)
		if err != nil {
			t.Errorf("%s: %v", test.line, err)
			continue
		}
		if strings.Contains(test.line, "f=<a.txt -F") { // unquoted, < is one of the shell
			test.want = strings.Replace(test.want, `{name: f, value: "${ .f }"}`, `{name: f, value: ""}`, 1)
		}
		if diff := cmp.Diff(yamlOf(t, "http: {"+test.want+"}"), yamlOf(t, string(step))); diff != "" {
			t.Errorf("%s (-want +got)\n%s", test.line, diff)
		}
		var told strings.Builder
		for _, n := range notes {
			told.WriteString(n.Place + ": " + n.Reason + "\n")
		}
		if !strings.Contains(told.String(), test.told) || test.told == "" && told.Len() > 0 && !strings.Contains(test.line, "-T") && !strings.Contains(test.line, "--upload") {
			t.Errorf("%s: told is %q, want %q", test.line, told.String(), test.told)
		}
		if _, err := flows.Parse("flow.yaml", []byte("flow: 1\nvars: {secret: x}\nsteps:\n  - "+strings.ReplaceAll(strings.TrimSpace(string(step)), "\n", "\n    ")+"\n"), steps.Catalogue()); err != nil {
			t.Errorf("%s: %v\n%s", test.line, err, step)
		}
	}
}

func TestCurlErrors(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		`curl "https://a.example.org/$(date)"`:        "a command whose output",
		"curl https://a.example.org/`date`":           "a command whose output",
		`curl 'https://a.example.org/?a=%zz'`:         `"a" has escapes that are none`,
		`curl https://a.example.org --next https://b`: "several requests",
		`curl https://a.example.org/{1,2}`:            "are lists for curl",
		`curl -X '$M' https://a.example.org`:          "is no method",
		`curl -F a https://a.example.org`:             "expected name=content",
		`curl $'\xff' https://a.example.org`:          "is not UTF-8",
	} {
		if _, _, err := importer.CurlStep(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
	for line, want := range map[string]string{
		`curl -X PURGE https://a.example.org`:         "does not send PURGE: use --step",
		`curl https://a.example.org -d 'hello world'`: "use --step",
		`curl https://a.example.org --json '{a}'`:     "use --step",
	} {
		if _, err := importer.Curl(line, importer.Config{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
}

// The import writes no credential of a line, wherever it stands, and the notes name the place of each.
func TestCurlCredentials(t *testing.T) {
	t.Parallel()
	for line, places := range map[string][]string{
		`curl https://api.example.org/a -H 'X-API-Secret-Key: hunter2' -H 'CB-ACCESS-PASSPHRASE: correct hunter2' -H 'x-functions-key: hunter2' --json '{"passphrase":"correct hunter2","a":[{"pin":7},{"client_secret":"hunter2"}]}'`: {
			"the header X-API-Secret-Key", "the header CB-ACCESS-PASSPHRASE", "the header x-functions-key", "the body.passphrase", "the body.a", ".client_secret"},
		`curl https://api.example.org/a -H 'DD-APPLICATION-KEY: hunter2' -d password_confirmation=hunter2 -d a=1`:            {"the header DD-APPLICATION-KEY", "the member password_confirmation of the body"},
		`curl 'https://joe:hunter2@api.example.org/a?x-custom-key=hunter2&code=Hhunter2ABC123dEf4'`:                          {"the user in the URL", "the query parameter x-custom-key", "the query parameter code"},
		`curl https://api.example.org/a -H 'Content-Type: application/xml' -d '<login><Password>hunter2</Password></login>'`: {"the body"},
		`curl https://api.example.org/a -F passphrase=hunter2 -F 'f=@a'`:                                                     {"passphrase"},
		`curl https://api.example.org/hunter2ABC123dEf456GhI/b`:                                                              {"the path of the URL"},
		`curl -u joe:hunter2 https://api.example.org/a --oauth2-bearer hunter2`:                                              {"-u", "--oauth2-bearer"},
	} {
		step, notes, err := importer.CurlStep(line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		r, err := importer.Curl(line, importer.Config{})
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		for _, text := range []string{string(step), string(r.YAML()), fmt.Sprint(notes), fmt.Sprint(r.Left)} {
			if strings.Contains(text, "hunter2") {
				t.Errorf("the credential is in\n%s", text)
			}
		}
		for _, place := range places {
			if !strings.Contains(fmt.Sprint(notes), place) || !strings.Contains(fmt.Sprint(r.Left), place) {
				t.Errorf("%s: %s is not told\n%v\n%v", line, place, notes, r.Left)
			}
		}
		if _, err := flows.ParseConnector("c.yaml", r.YAML(), steps.Catalogue()); err != nil {
			t.Errorf("%s: %v\n%s", line, err, r.YAML())
		}
	}
}

// FuzzCurl checks that a line gives an error or a step without mistakes.
func FuzzCurl(f *testing.F) {
	for _, line := range []string{`curl -d a=1 https://a`, `curl $'\u00e9' -F 'a=@b;type=c' "https://a/b?c"`, "curl ^\"https://a^\" ^\n -H ^\"a: b^\"", "curl a | jq", `curl -G -d '<a b="c">' https://a`} {
		f.Add(line)
	}
	kinds := steps.Catalogue()
	f.Fuzz(func(t *testing.T, line string) {
		if _, err := importer.Curl(line, importer.Config{Name: "a"}); err != nil && !strings.HasPrefix(err.Error(), "read curl: ") {
			t.Errorf("%q: %v", line, err)
		}
		step, _, err := importer.CurlStep(line)
		if err != nil {
			return
		}
		text := "flow: 1\nsteps:\n  - " + strings.ReplaceAll(strings.TrimSpace(string(step)), "\n", "\n    ") + "\n"
		if _, err := flows.Parse("flow.yaml", []byte(text), kinds); err != nil && !strings.Contains(err.Error(), "vars") {
			t.Errorf("%q: %v\n%s", line, err, step)
		}
	})
}
