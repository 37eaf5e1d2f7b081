package imap

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/moduletest"
	"github.com/penstock/penstock/internal/blob"
	"github.com/penstock/penstock/internal/testenv"
)

// account is an account of a server, with a client of the library beside the connection bus.
type account struct {
	t        *testing.T
	settings map[string]string
	client   flows.Client
	files    *blob.Store
	*imapclient.Client
}

var accounts atomic.Int64

func newAccount(t *testing.T, server testenv.MailServer) *account {
	t.Helper()
	user := fmt.Sprintf("user%d", accounts.Add(1))
	a := &account{t: t, settings: map[string]string{"host": "127.0.0.1", "port": server.TLSPort, "ca": server.CA, "username": user, "password": server.Password}}
	a.client = moduletest.Open(t, Module(), a.settings)
	var err error
	if a.files, err = blob.New(blob.Config{Backend: &blob.Memory{}, MaxSize: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	if a.Client, err = imapclient.DialInsecure("127.0.0.1:"+server.Port, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	if err := a.Login(user, server.Password).Wait(); err != nil {
		t.Fatal(err)
	}
	return a
}

// put appends a message to a mailbox.
func (a *account) put(mailbox, message string) {
	a.t.Helper()
	sending := a.Append(mailbox, int64(len(message)), nil)
	_, err := io.WriteString(sending, message)
	if err == nil {
		err = sending.Close()
	}
	if err == nil {
		_, err = sending.Wait()
	}
	if err != nil {
		a.t.Fatal(err)
	}
}

// count returns how many messages of a mailbox meet criteria.
func (a *account) count(mailbox string, criteria imap.SearchCriteria) int {
	a.t.Helper()
	if _, err := a.Select(mailbox, &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
		a.t.Fatal(err)
	}
	found, err := a.UIDSearch(&criteria, nil).Wait()
	if err != nil {
		a.t.Fatal(err)
	}
	return len(found.AllUIDs())
}

var changing = regexp.MustCompile(`"(received|uid_validity|file|sha256)":("[^"]*"|\d+)`)

// run executes a step and compares what it puts out, without what differs from test to test.
func (a *account) run(step string, event any, want string) []any {
	a.t.Helper()
	out, err := moduletest.RunIn(a.t, Module(), a.client, step, event, flows.Env{Files: a.files})
	got := changing.ReplaceAllString(string(flows.EncodeJSON(out)), `"$1":"-"`)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		a.t.Errorf("%s\n%v (-want +got)\n%s", step, err, diff)
	}
	return out
}

func (a *account) fails(step string, event any, want string) {
	a.t.Helper()
	out, err := moduletest.RunIn(a.t, Module(), a.client, step, event, flows.Env{Files: a.files})
	if err == nil || !strings.Contains(err.Error(), want) {
		a.t.Errorf("%s\nput out %v, error %v, want %s", step, out, err, want)
	}
}

func TestServer(t *testing.T) {
	t.Parallel()
	server := testenv.Dovecot(t)
	t.Run("source", func(t *testing.T) {
		moduletest.Test(t, func(t *testing.T) moduletest.Server {
			a := newAccount(t, server)
			return moduletest.Server{Module: Module(), Settings: a.settings, Trigger: "flag: penstock", Publish: func(t *testing.T, bodies ...string) {
				for _, body := range bodies {
					a.put("INBOX", "Subject: test\r\n\r\n"+body)
				}
			}}
		})
	})
	t.Run("events", func(t *testing.T) { testEvents(newAccount(t, server)) })
	t.Run("a message arrives while the server is listened to", func(t *testing.T) { testIdle(newAccount(t, server)) })
	t.Run("moves", func(t *testing.T) { testMoves(newAccount(t, server)) })
	t.Run("what cannot be settled", func(t *testing.T) { testUnsettled(newAccount(t, server)) })
	t.Run("steps", func(t *testing.T) { testSteps(newAccount(t, server)) })
	t.Run("fetch", func(t *testing.T) { testFetch(newAccount(t, server)) })
	t.Run("a lost worker", func(t *testing.T) { testLostWorker(newAccount(t, server)) })
	t.Run("connections", func(t *testing.T) { testConnections(newAccount(t, server), server) })
}

func testSteps(a *account) {
	if err := a.Create("Büro", nil).Wait(); err != nil {
		a.t.Fatal(err)
	}
	a.run("imap: {connection: bus, list: '*'}", nil, `[{"attributes":["hasnochildren"],"delimiter":".","name":"Büro","selectable":true},{"attributes":["hasnochildren"],"delimiter":".","name":"INBOX","selectable":true}]`)
	message := "imap: {connection: bus, append: \"${ .to }\", content: \"Subject: ${ .s }\\nFrom: A <a@example.org>\\n\\nText\", flags: [seen, project]}"
	a.run(message, map[string]any{"to": "Büro", "s": "one"}, `[{"mailbox":"Büro","uid":1,"uid_validity":"-"}]`)
	a.run(message, map[string]any{"to": "Büro", "s": `t"wo) ALL`}, `[{"mailbox":"Büro","uid":2,"uid_validity":"-"}]`)
	a.fails(message, map[string]any{"to": "None", "s": "x"}, "[TRYCREATE]")
	a.fails(message, map[string]any{"to": "a\r\nA1 LOGOUT", "s": "x"}, "the mailbox has a control character in it")
	summary := func(uid int, subject string) string {
		return fmt.Sprintf(`{"cc":[],"date":null,"flags":["project","seen"],"from":[{"address":"a@example.org","name":"A"}],"in_reply_to":null,"mailbox":"Büro","message_id":null,"received":"-","size":%d,"subject":%s,"to":[],"uid":%d,"uid_validity":"-"}`,
			len("Subject: \r\nFrom: A <a@example.org>\r\n\r\nText")+len(subject), flows.EncodeJSON(subject), uid)
	}
	find := "imap: {connection: bus, search: Büro, criteria: {subject: \"${ .s }\", seen: true, flagged: false, keyword: project, since: \"2020-01-31T10:00:00Z\", larger: 5}}"
	a.run(find, map[string]any{"s": "one"}, "["+summary(1, "one")+"]")
	a.run(find, map[string]any{"s": `t"wo) ALL`}, "["+summary(2, `t"wo) ALL`)+"]")
	a.run(find, map[string]any{"s": "ü"}, "[]")
	a.run("imap: {connection: bus, search: Büro}", nil, "["+summary(1, "one")+","+summary(2, `t"wo) ALL`)+"]")
	a.run("imap: {connection: bus, search: Büro, criteria: {after_uid: 1}}", nil, "["+summary(2, `t"wo) ALL`)+"]")
	a.run("imap: {connection: bus, search: Büro, criteria: {after_uid: 2}}", nil, "[]")
	a.run("imap: {connection: bus, search: Büro, criteria: {before: \"2020-01-01\"}}", nil, "[]")
	a.fails("imap: {connection: bus, search: Büro, max_messages: 1}", nil, "there are 2 messages and max_messages is 1")
	a.fails("imap: {connection: bus, search: Büro, criteria: {since: \"${ . }\"}}", "soon", "expected a date")
	a.run("imap: {connection: bus, flag: Büro, uid: \"${ . }\", add: [flagged, x], remove: [seen, project]}", 2, `[{"flags":["flagged","x"],"mailbox":"Büro","uid":2}]`)
	a.run("imap: {connection: bus, flag: Büro, uid: 9, add: flagged}", nil, `[{"flags":null,"mailbox":"Büro","uid":9}]`)
	move := "imap: {connection: bus, move: Büro, uid: 2, to: INBOX}"
	a.run(move, nil, `[{"mailbox":"INBOX","moved":true,"uid":1,"uid_validity":"-"}]`)
	a.run(move, nil, `[{"mailbox":"INBOX","moved":false,"uid":null}]`)
	a.fails("imap: {connection: bus, move: Büro, uid: 1, uid_validity: 7, to: INBOX}", nil, "the UID is that of another message")
	a.fails("imap: {connection: bus, move: Büro, uid: \"${ . }\", to: INBOX}", "1:*", "expected a whole number")
}

func testFetch(a *account) {
	a.put("INBOX", letter)
	fetch := "imap: {connection: bus, fetch: INBOX, uid: 1, raw: true}"
	out := a.run(fetch, nil, `[{"attachments":[{"content_id":null,"content_type":"text/csv","file":"-","inline":false,"name":"Überblick.csv","sha256":"-","size":5},`+
		`{"content_id":"logo","content_type":"image/png","file":"-","inline":true,"sha256":"-","size":3}],`+
		`"cc":[],"date":"2026-01-31T10:00:00Z","flags":[],"from":[{"address":"ann@example.org","name":"Ann Ä"}],"headers":{"content-type":["multipart/mixed; boundary=outer"],`+
		`"date":["Sat, 31 Jan 2026 11:00:00 +0100"],"from":["Ann Ä <ann@example.org>"],"in-reply-to":["<0@example.org>"],"message-id":["<1@example.org>"],"mime-version":["1.0"],`+
		`"received":["a","b"],"subject":["Grüße"],"to":["b@example.org, c@example.org"]},"html":"<p>Hällo\r\n","in_reply_to":"0@example.org","incomplete":null,"mailbox":"INBOX","message_id":"1@example.org",`+
		`"raw":{"content_type":"message/rfc822","file":"-","name":"message.eml","sha256":"-","size":`+fmt.Sprint(len(letter))+`},"received":"-",`+
		`"reply_to":[],"size":`+fmt.Sprint(len(letter))+`,"subject":"Grüße","text":"Hällo\r\n","to":[{"address":"b@example.org","name":""},{"address":"c@example.org","name":""}],"uid":1,"uid_validity":"-"}]`)
	item := out[0].(map[string]any)
	for _, tt := range []struct {
		file any
		want string
	}{{item["attachments"].([]any)[0], "a;b\r\n"}, {item["raw"], letter}} {
		file, _ := flows.FileOf(tt.file)
		r, err := a.files.Open(a.t.Context(), "run", file.ID)
		if err != nil {
			a.t.Fatal(err)
		}
		if text, err := io.ReadAll(r); err != nil || string(text) != tt.want {
			a.t.Errorf("%v: the file is %q", err, text)
		}
		_ = r.Close()
	}
	if seen := a.count("INBOX", imap.SearchCriteria{Flag: []imap.Flag{imap.FlagSeen}}); seen != 0 {
		a.t.Error("it was marked as seen")
	}
	out, err := moduletest.Run(a.t, Module(), a.client, "imap: {connection: bus, fetch: INBOX, uid: 1, attachments: none, seen: true}", nil)
	if err != nil || string(flows.EncodeJSON(out[0].(map[string]any)["attachments"])) !=
		`[{"content_id":null,"content_type":"text/csv","inline":false,"name":"Überblick.csv","size":5},{"content_id":"logo","content_type":"image/png","inline":true,"name":"","size":3}]` {
		a.t.Errorf("without files: %v %v", err, out)
	}
	if seen := a.count("INBOX", imap.SearchCriteria{Flag: []imap.Flag{imap.FlagSeen}}); seen != 1 {
		a.t.Error("it was not marked as seen")
	}
	a.fails(fetch[:len(fetch)-1]+", max_size: 100B}", nil, "max_size is 100 bytes")
	a.fails("imap: {connection: bus, fetch: INBOX, uid: 2}", nil, `the mailbox "INBOX" has no message 2`)
	if err := a.Create("Copies", nil).Wait(); err != nil {
		a.t.Fatal(err)
	}
	out, err = moduletest.RunIn(a.t, Module(), a.client, fetch+"\n"+`as: m`, map[string]any{}, flows.Env{Files: a.files})
	if err != nil {
		a.t.Fatal(err)
	}
	a.run("imap: {connection: bus, append: Copies, file: \"${ .m.raw }\"}", out[0], `[{"mailbox":"Copies","uid":1,"uid_validity":"-"}]`)
	if n := a.count("Copies", imap.SearchCriteria{Header: []imap.SearchCriteriaHeaderField{{Key: "Message-Id", Value: "1@example.org"}}}); n != 1 {
		a.t.Errorf("%d copies", n)
	}
}

// A worker is lost between the append and its record: the message is not appended again.
func testLostWorker(a *account) {
	_, err := moduletest.RunAfterLoss(a.t, Module(), a.client, "imap: {connection: bus, append: INBOX, content: \"Subject: a\\n\\nb\"}", nil)
	if n := a.count("INBOX", imap.SearchCriteria{}); !moduletest.Uncertain(err) || n != 1 {
		a.t.Errorf("%v, %d messages, want 1", err, n)
	}
	if err := a.Create("Done", nil).Wait(); err != nil {
		a.t.Fatal(err)
	}
	out, err := moduletest.RunAfterLoss(a.t, Module(), a.client, "imap: {connection: bus, move: INBOX, uid: 1, to: Done}", nil)
	if n := a.count("Done", imap.SearchCriteria{}); err != nil || n != 1 {
		a.t.Errorf("moved again: %v, %v, %d messages, want 1", out, err, n)
	}
}

func testConnections(a *account, server testenv.MailServer) {
	for name, tt := range map[string]struct {
		change map[string]string
		want   string
	}{
		"TLS":             {},
		"STARTTLS":        {change: map[string]string{"starttls": "yes", "port": server.Port}},
		"without TLS":     {change: map[string]string{"tls": "none", "port": server.Port}},
		"wrong password":  {change: map[string]string{"password": "wrong-password"}, want: `connection "bus": the server refuses the login`},
		"untrusted":       {change: map[string]string{"ca": ""}, want: `connection "bus": the IMAP server has a certificate that is not trusted`},
		"untrusted later": {change: map[string]string{"ca": "", "starttls": "yes", "port": server.Port}, want: `connection "bus": the IMAP server has a certificate that is not trusted`},
		"no server":       {change: map[string]string{"port": "1"}, want: `connection "bus": the IMAP server does not accept connections`},
	} {
		settings := map[string]string{}
		for _, m := range []map[string]string{a.settings, tt.change} {
			for name, v := range m {
				settings[name] = v
			}
		}
		err := moduletest.Open(a.t, Module(), settings).Test(a.t.Context())
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || err.Error() != tt.want) {
			a.t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	moduletest.Examples(t, Module())
	for step, want := range map[string]string{
		"imap: {connection: bus, fetch: INBOX}":                             "fetch needs the uid",
		"imap: {connection: bus, fetch: INBOX, uid: 1, max_size: 51MB}":     "at most 50MB",
		"imap: {connection: bus, move: INBOX, uid: 1}":                      "move needs to",
		"imap: {connection: bus, flag: INBOX, uid: 1}":                      "flag needs add or remove",
		"imap: {connection: bus, flag: INBOX, uid: 1, add: \"a b\"}":        `"a b" is no flag`,
		"imap: {connection: bus, append: INBOX}":                            "append needs one of content and file",
		"imap: {connection: bus, search: INBOX, uid: 1}":                    "uid has no meaning for search",
		"imap: {connection: bus, search: INBOX, max_messages: 10001}":       "max_messages is from 1 to 10000",
		"imap: {connection: bus, search: INBOX, criteria: {sender: \"a\"}}": `unknown field "sender"`,
	} {
		if err := moduletest.Check(Module(), step); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", step, err, want)
		}
	}
}
