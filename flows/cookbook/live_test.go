package cookbook_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/cookbook"
)

// shelf finds the flows of the cookbook for each other.
type shelf struct{ t testing.TB }

func (s shelf) Find(ref string) (*flows.Flow, bool) { return parse(s.t, ref+".yaml"), true }

func (s shelf) Version(_ context.Context, number int64, _ string) (*flows.Flow, error) {
	if number != 1001 {
		return nil, errors.New("not on the shelf")
	}
	return parse(s.t, "crm-upsert.yaml"), nil
}

// run executes a flow against the services.
func (s *services) run(env flows.Env, file, event string, params ...string) (string, error) {
	s.t.Helper()
	v, err := flows.DecodeJSON([]byte(event))
	if err != nil {
		s.t.Fatal(err)
	}
	s.runs++
	r := flows.Run{ID: "run " + strconv.Itoa(s.runs), Event: v}
	if len(params) > 0 {
		r.Params = map[string]string{params[0]: params[1]}
	}
	s.journal = map[string][]byte{}
	output, err := parse(s.t, file).Execute(s.t.Context(), r, env)
	return string(flows.EncodeJSON(output)), err
}

func (s *services) puts(env flows.Env, file, event, want string, params ...string) {
	s.t.Helper()
	got, err := s.run(env, file, event, params...)
	if err != nil {
		s.t.Fatalf("%s: %v", file, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("%s (-want +got)\n%s", file, diff)
	}
}

func (s *services) sent(want ...string) {
	s.t.Helper()
	slices.Sort(s.calls)
	if diff := cmp.Diff(want, s.calls); diff != "" {
		s.t.Errorf("sent (-want +got)\n%s", diff)
	}
	s.calls = nil
}

func TestUpsertAndPollAgainstACRM(t *testing.T) {
	t.Parallel()
	s := newServices(t)
	env := s.env(shelf{t})
	s.puts(env, "crm-upsert.yaml", `{"email":"a@b.org","first":"Ann"}`, `[{"created":true,"email":"a@b.org","id":1}]`)
	s.puts(env, "crm-upsert.yaml", `{"email":"a@b.org","first":"Anna"}`, `[{"created":false,"email":"a@b.org","id":1}]`)
	s.sent(`PATCH /people/1 {"first":"Anna"}`, `POST /people {"email":"a@b.org","first":"Ann"}`)
	s.people = []map[string]any{
		{"id": 1, "email": "a@b.org", "first": "Ann", "last": "Lee", "changed_at": "2026-11-02T10:00:00Z"},
		{"id": 2, "email": "c@d.org", "first": "Cy", "last": "Day", "changed_at": "2026-11-02T11:00:00Z"},
	}
	s.puts(env, "poll-watermark.yaml", `{}`, `[{"passed":2,"watermark":"2026-11-02T11:00:00Z"}]`)
	s.sent(`PATCH /people/1 {"first":"Ann","last":"Lee"}`, `PATCH /people/2 {"first":"Cy","last":"Day"}`)
	s.puts(env, "poll-watermark.yaml", `{}`, `[]`)
}

func TestExportAgainstPages(t *testing.T) {
	t.Parallel()
	s := newServices(t)
	s.puts(s.env(nil), "paged-export.yaml", `null`, `[{"gifts":2,"total":15.5}]`, "since", "2026-11-01")
	want := "id,donor,amount,received_on\r\n2,Bob,5,2026-11-02\r\n1,\"Ann, née Lee\",10.50,2026-11-03\r\n"
	if len(s.answers) != 1 || string(s.answers[0].Body) != want || s.answers[0].Headers["content-type"] != "text/csv" {
		t.Errorf("answered %+v", s.answers)
	}
}

func TestLookUpInADatabase(t *testing.T) {
	t.Parallel()
	s := newServices(t)
	s.school()
	env := s.env(nil)
	s.puts(env, "sql-lookup.yaml", `{"pupil":7}`, `[{"parents":[{"email":"ann@b.org","name":"Ann"}],"pupil":7}]`)
	if _, err := s.run(env, "sql-lookup.yaml", `{"pupil":9}`); err == nil || !strings.Contains(err.Error(), "there is no pupil 9") {
		t.Errorf("%v", err)
	}
}

func TestFormToAMailbox(t *testing.T) {
	t.Parallel()
	s := newServices(t)
	s.post()
	env := s.env(nil)
	form := `{"email":"a@b.org","name":"Ann\nBcc: x@y.org","message":"Hello"}`
	for range 2 { // the second time is a double click
		if _, err := s.run(env, "form-to-email.yaml", form); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.mails) != 2 || s.mails[0].subject != "Message from Ann Bcc: x@y.org" || len(s.mails[0].to) != 1 || s.mails[1].to[0] != "a@b.org" {
		t.Errorf("mails %+v", s.mails)
	}
	if len(s.answers) != 2 || !strings.Contains(string(s.answers[0].Body), "Thank you, Ann") || string(s.answers[1].Body) != string(s.answers[0].Body) {
		t.Errorf("answered %+v", s.answers)
	}
}

// A change from one system does not go back to it; one to another record does.
func TestTwoWaySync(t *testing.T) {
	t.Parallel()
	s := newServices(t)
	env := s.env(nil)
	s.puts(env, "sync-crm-to-web.yaml", `{"people":[{"id":"7","name":"Ann"}]}`, `[{"failed":[],"sent":1}]`)
	s.puts(env, "sync-web-to-crm.yaml", `{"people":[{"id":"7","name":"Ann"},{"id":"8","name":"Bob"}]}`, `[{"failed":[],"sent":1}]`)
	s.puts(env, "sync-crm-to-web.yaml", `{"people":[{"id":"8","name":"Bob"},{"id":"7","name":"Anna"}]}`, `[{"failed":[],"sent":1}]`)
	s.sent(`PUT /people/7 {"id":"7","name":"Ann"}`, `PUT /people/7 {"id":"7","name":"Anna"}`, `PUT /people/8 {"id":"8","name":"Bob"}`)
}

func TestFanOutWithPartialFailures(t *testing.T) {
	t.Parallel()
	s := newServices(t)
	event := strings.ReplaceAll(`{"event":"opened","partners":[{"name":"a","url":"URL/a"},{"name":"b","url":"URL/refuse/b"},{"name":"c","url":"URL/c"}]}`, "URL", s.url)
	got, err := s.run(s.env(nil), "fan-out.yaml", event)
	if err != nil || !strings.HasPrefix(got, `[{"failed":[{"error":"`) || !strings.Contains(got, `403`) || !strings.HasSuffix(got, `"partner":"b"}],"told":["a","c"]}]`) {
		t.Errorf("%s, %v", got, err)
	}
	s.sent(`POST /a {"event":"opened"}`, `POST /c {"event":"opened"}`, `POST /refuse/b {"event":"opened"}`)
}

func TestRespondThenContinue(t *testing.T) {
	t.Parallel()
	s := newServices(t)
	env := s.env(nil)
	for i := range 3 {
		number := "W" + strconv.Itoa(i+1)
		s.puts(env, "respond-then-continue.yaml", `{"sku":"A-1","quantity":2}`, `[{"order":"`+number+`","reservation":"new"}]`)
		if a := s.answers[i]; a.Status != 202 || string(a.Body) != `{"order":"`+number+`","success":true}` {
			t.Errorf("answered %+v", a)
		}
	}
}

// The first attempt sends the question and parks, the second gets the response.
func TestApprovalOverTwoAttempts(t *testing.T) {
	t.Parallel()
	for answer, paid := range map[string]string{"yes": `[{"id":"new","paid":2000}]`, "no": "[]"} {
		s := newServices(t)
		s.post()
		env := s.env(nil)
		_, err := s.run(env, "approval.yaml", `{"refund":"r1","amount":2000}`)
		var parked *flows.Parked
		if !errors.As(err, &parked) || len(s.mails) != 1 || len(s.answers) != 1 || len(s.calls) != 0 {
			t.Fatalf("%v, %d mails, %d answers, sent %v", err, len(s.mails), len(s.answers), s.calls)
		}
		for key, link := range s.links {
			if !strings.Contains(s.mails[0].text, "Approve: "+link+"?approved=yes\n") {
				t.Errorf("the mail says %s", s.mails[0].text)
			}
			s.journal[key] = []byte(`{"items":[{"approved":"` + answer + `"}]}`)
		}
		event := map[string]any{"refund": "r1", "amount": 2000}
		output, err := parse(t, "approval.yaml").Execute(t.Context(), flows.Run{ID: "run 1", Event: event}, env)
		if got := string(flows.EncodeJSON(output)); err != nil || got != paid || len(s.mails) != 1 {
			t.Errorf("%s: %s, %v, %d mails", answer, got, err, len(s.mails))
		}
	}
}

func TestSOAPCall(t *testing.T) {
	t.Parallel()
	s := newServices(t)
	s.puts(s.env(nil), "soap-call.yaml", `{"from":"GBP","to":"EUR"}`, `[{"from":"GBP","rate":1.1842,"to":"EUR"}]`)
	if _, err := s.run(s.env(nil), "soap-call.yaml", `{"from":"GBP","to":"XXX"}`); err == nil || !strings.Contains(err.Error(), "unknown currency") {
		t.Errorf("%v", err)
	}
}

func TestTellCustomers(t *testing.T) {
	t.Parallel()
	s := newServices(t)
	s.puts(s.env(nil), "tell-customers.yaml", `{"number":"A-1","total":12.50,"customers":[{"id":"acme","hook_url":"https://acme.example.org/in"}]}`,
		`[{"failed":[],"sent":[{"customer":"acme","delivery":"msg_acme"}]}]`)
	s.sent(`webhook https://acme.example.org/in [hook_signing] for acme: order.paid {"number":"A-1","total":12.50}`)
}

// withCredentials are the flows whose requests carry the credentials of connections, which these services do not ask for. They
// have only their own tests; event-to-zoom has a service of its own, and models are those of package llm.
var withCredentials = []string{"answer-with-tools.yaml", "email-to-contact.yaml", "event-to-zoom.yaml", "form-to-crm.yaml", "isams-to-salesforce.yaml", "nightly-report.yaml", "payment-receipt.yaml", "sftp-to-database.yaml", "spreadsheet-to-items.yaml"} // read only

// Every other flow of the cookbook is in the tests above.
func TestEveryFlowMeetsServices(t *testing.T) {
	t.Parallel()
	tests, err := os.ReadFile("live_test.go")
	if err != nil {
		t.Fatal(err)
	}
	files, err := fs.Glob(cookbook.FS, "*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if !slices.Contains(withCredentials, file) && !strings.Contains(string(tests), `"`+file+`"`) {
			t.Errorf("%s runs against no service", file)
		}
	}
}
