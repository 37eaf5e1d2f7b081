package flows_test

import (
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
)

const sendingFlow = `flow: 1
trigger: webhook
steps:
  - split: .people[]
  - name: crm
    http:
      post: https://crm.example.org/people/${ .id }
      connection: crm
      query: {full: "1"}
      headers: {X-Source: penstock}
      json: {email: "${ .email | ascii_downcase }"}
    retry: 2
  - respond: {status: 202, headers: {X-Id: "${ .id }"}, json: {id: "${ .id }"}}
  - sql: {connection: db, query: insert into people (id) values (?), args: ["${ .id }"]}
  - if: .mails
    email: {connection: smtp, from: a@example.org, to: b@example.org, subject: "New: ${ .id }", text: Hello}
tests:
  - name: sends
    event: {people: [{id: 1, email: A@B.org}, {id: 2, email: C@D.org}]}
    mocks: {crm: {each: [{id: 7}, {id: 8}]}, sql: {}, email: {}}
    output: [{}, {}]
`

// A test compares what steps with mocks would have sent, and the response, with what is written in it.
func TestSentAndResponse(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, want, failure string }{
		{"all of it", `    sent:
      crm:
        - {method: POST, url: https://crm.example.org/people/1, query: {full: "1"}, body: {email: a@b.org}, headers: {x-source: penstock}, connection: crm}
        - {url: https://crm.example.org/people/2, body: {email: c@d.org}}
      sql: [{args: ["7"]}, {args: ["8"]}]
      email: []
    response: {status: 202, headers: {x-id: "7"}, body: {id: 7}}`, ""},
		{"a part", "    sent: {sql: [{}, {connection: db}]}\n    response: {body: {id: 7}}", ""},
		{"another body", "    sent: {crm: [{body: {email: a@b.org}}, {body: {email: C@D.org}}]}", "what crm sent differs"},
		{"a member more", "    sent: {crm: [{body: {}}, {}]}", "what crm sent differs"},
		{"a member that is not sent", "    sent: {crm: [{user: ulf}, {}]}", "what crm sent differs"},
		{"too many", "    sent: {crm: [{}]}", "what crm sent differs"},
		{"too few", "    sent: {crm: [{}, {}, {}]}", "what crm sent differs"},
		{"none of what is sent", "    sent: {sql: []}", "what sql sent differs"},
		{"another status", "    response: {status: 200}", "the response differs"},
		{"another header", "    response: {headers: {x-id: \"8\"}}", "the response differs"},
	} {
		flow, err := flows.Parse("f.yaml", []byte(sendingFlow+tc.want+"\n"), catalogue())
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		got := flows.RunTests(t.Context(), flow)[0].Failure
		if (got == "") != (tc.failure == "") || !strings.Contains(got, tc.failure) {
			t.Errorf("%s: %s", tc.name, got)
		}
	}
}

// A mocked step whose request cannot be made fails when the test compares requests.
func TestSentOfAStepThatFails(t *testing.T) {
	t.Parallel()
	const head = "flow: 1\nsteps: [{name: get, http: {get: \"${ .missing }\"}}]\ntests: [{name: t, event: {}, mocks: {get: {}}, "
	for rest, want := range map[string]string{
		"output: [{}]}]":                          "",
		"sent: {get: []}, output: [{}]}]":         "the run failed: step get: ",
		"response: {status: 200}, output: [{}]}]": "the flow did not respond",
		"sent: {get: {}}, output: [{}]}]":         "sent: get: expected a list of requests",
		"sent: {gat: []}, output: [{}]}]":         "did you mean get?",
		"response: {state: 1}, output: [{}]}]":    "expected one of body, headers, status",
		"sent: [], output: [{}]}]":                "sent: expected a mapping",
		"sent: {get: []}, error: {step: get}}]":   "",
		"sent: {get: [{}]}, error: {step: get}}]": "what get sent differs",
	} {
		flow, err := flows.Parse("f.yaml", []byte(head+rest+"\n"), catalogue())
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = flows.RunTests(t.Context(), flow)[0].Failure
		}
		if (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", rest, got, want)
		}
	}
}

// The body of a response that is a file is its content.
func TestResponseWithFile(t *testing.T) {
	t.Parallel()
	flow, err := flows.Parse("f.yaml", []byte(`flow: 1
trigger: {webhook: {max_body: 1MB}}
steps: [{respond: {file: "${ .scan }"}}, {set: {}}]
tests:
  - name: t
    event: {scan: {file: {text: Hello, content_type: text/plain}}}
    response: {headers: {content-type: text/plain}, body: Hello}
    output: [{}]
`), catalogue())
	if err != nil {
		t.Fatal(err)
	}
	if got := flows.RunTests(t.Context(), flow)[0].Failure; got != "" {
		t.Error(got)
	}
}

// A test gives the time that programs, scripts and steps see; delays are not waited for.
func TestATestGivesTheTime(t *testing.T) {
	t.Parallel()
	const source = `flow: 1
steps:
  - delay: 3d
  - set: {at: "${ now | todate }", due: "${ now | strftime(\"%A\") }"}
  - script: "return {...item, year: new Date().getUTCFullYear()}"
tests:
  - {name: given, now: "2031-07-02T12:00:00Z", output: [{at: "2031-07-02T12:00:00Z", due: Wednesday, year: 2031}]}
  - {name: another, now: "2031-07-03T14:00:00+02:00", output: [{at: "2031-07-03T12:00:00Z", due: Thursday, year: 2031}]}
`
	for _, r := range flows.RunTests(t.Context(), parseFile(t, source)) {
		if r.Failure != "" {
			t.Errorf("%s: %s", r.Name, r.Failure)
		}
	}
	_, err := flows.Parse("test.yaml", []byte("flow: 1\nsteps: [{set: {a: 1}}]\ntests: [{name: a, now: today, output: [{a: 1}]}]\n"), catalogue())
	if err == nil || !strings.Contains(err.Error(), "test.yaml:3:24: now: expected a time such as") {
		t.Errorf("a time that is none: %v", err)
	}
}

// A test gives the values of secrets that expressions convert.
func TestSecretsOfATest(t *testing.T) {
	t.Parallel()
	const head = "flow: 1\nsteps: [{name: send, http: {post: \"https://h\", json: {n: '${ secret(\"num\") | tonumber }', t: '${ secret(\"text\") }'}}}]\ntests: [{name: t, event: {}, mocks: {send: {}}, output: [{}], sent: {send: [{body: {n: 7, t: the secret text}}]}"
	for rest, want := range map[string]string{
		", secrets: {num: \"7\"}}]": "",
		", secrets: {num: \"8\"}}]": "what send sent differs",
		"}]":                        "tonumber",
		", secrets: {nun: \"7\"}}]": "did you mean num?",
	} {
		flow, err := flows.Parse("f.yaml", []byte(head+rest), catalogue())
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = flows.RunTests(t.Context(), flow)[0].Failure
		}
		if (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", rest, got, want)
		}
	}
}
