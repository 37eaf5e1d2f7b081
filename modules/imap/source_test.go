package imap

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/moduletest"
	"github.com/penstock/penstock/internal/testenv"
)

func testEvents(a *account) {
	source := moduletest.NewConsumer(a.t, moduletest.Server{Module: Module(), Settings: a.settings, Trigger: "every: 1h"})
	a.put("INBOX", letter)
	got := source.Take(1, nil)[0]
	event := changing.ReplaceAllString(string(flows.EncodeJSON(got.Event)), `"$1":"-"`)
	want := `{"attachments":[{"content_type":"text/csv","name":"Überblick.csv","size":5},{"content_type":"image/png","name":"","size":3}],` +
		`"cc":[],"date":"2026-01-31T10:00:00Z","flags":[],"from":[{"address":"ann@example.org","name":"Ann Ä"}],"headers":{"content-type":["multipart/mixed; boundary=outer"],` +
		`"date":["Sat, 31 Jan 2026 11:00:00 +0100"],"from":["Ann Ä <ann@example.org>"],"in-reply-to":["<0@example.org>"],"message-id":["<1@example.org>"],"mime-version":["1.0"],` +
		`"received":["a","b"],"subject":["Grüße"],"to":["b@example.org, c@example.org"]},"in_reply_to":"0@example.org","incomplete":null,"mailbox":"INBOX","message_id":"1@example.org","received":"-",` +
		`"reply_to":[],"size":` + fmt.Sprint(len(letter)) + `,"subject":"Grüße","to":[{"address":"b@example.org","name":""},{"address":"c@example.org","name":""}],"uid":1,"uid_validity":"-"}`
	if diff := cmp.Diff(want, event); diff != "" {
		a.t.Errorf("event (-want +got)\n%s", diff)
	}
	if string(got.Body) != "Hällo\r\n" || got.ContentType != "text/plain; charset=utf-8" {
		a.t.Errorf("body %q of type %s", got.Body, got.ContentType)
	}
	if seen := a.count("INBOX", imap.SearchCriteria{Flag: []imap.Flag{imap.FlagSeen}}); seen != 1 {
		a.t.Errorf("%d messages are seen", seen)
	}
	a.put("INBOX", "Content-Type: text/html\r\n\r\n<p>only")
	a.put("INBOX", "Subject: large\r\n\r\n"+strings.Repeat("a line of text\r\n", maxRead/16+1))
	more := source.Take(2, errors.New("the run failed"))
	if more[0].ContentType != "text/html; charset=utf-8" || string(more[0].Body) != "<p>only" {
		a.t.Errorf("a message without text: %s %q", more[0].ContentType, more[0].Body)
	}
	if reason, _ := more[1].Event["incomplete"].(string); !strings.HasPrefix(reason, "the message has 2097") || len(more[1].Body) <= 1<<20 {
		a.t.Errorf("a large message: %q, body of %d bytes", reason, len(more[1].Body))
	}
	if flagged := a.count("INBOX", imap.SearchCriteria{Flag: []imap.Flag{imap.FlagSeen, imap.FlagFlagged}}); flagged != 2 {
		a.t.Errorf("%d rejected messages are flagged", flagged)
	}
}

func testMoves(a *account) {
	for _, name := range []string{"Done", "Bad"} {
		if err := a.Create(name, nil).Wait(); err != nil {
			a.t.Fatal(err)
		}
	}
	source := moduletest.NewConsumer(a.t, moduletest.Server{Module: Module(), Settings: a.settings, Trigger: "mailbox: INBOX\n    move_to: Done\n    rejected_to: Bad"})
	a.put("INBOX", "\r\none")
	a.put("INBOX", "\r\ntwo")
	first := source.Take(2, nil)
	a.put("INBOX", "\r\nthree")
	bad := source.Take(1, errors.New("the run failed"))
	if string(first[0].Body) != "one" || string(bad[0].Body) != "three" {
		a.t.Errorf("bodies %q, %q", first[0].Body, bad[0].Body)
	}
	for mailbox, n := range map[string]int{"INBOX": 0, "Done": 2, "Bad": 1} {
		if got := a.count(mailbox, imap.SearchCriteria{}); got != n {
			a.t.Errorf("%s has %d messages, want %d", mailbox, got, n)
		}
	}
}

// The server tells of a message; the next search would be an hour later.
func testIdle(a *account) {
	ctx, stop := context.WithCancel(a.t.Context())
	bodies := make(chan string, 2)
	ended := make(chan error)
	q := &consumer{mailbox: "INBOX", flag: imap.FlagSeen, every: maxEvery}
	go func() {
		ended <- q.Consume(ctx, flows.Subscription{Flow: 7, Client: a.client, InFlight: 1, Ready: func() {}, Deliver: func(_ context.Context, m flows.Message) error {
			bodies <- string(m.Body)
			m.Done(nil)
			return nil
		}})
	}()
	a.put("INBOX", "\r\none")
	first := testenv.Receive(a.t, bodies, "the first message")
	testenv.Until(a.t, "the first message is seen", func() bool {
		return a.count("INBOX", imap.SearchCriteria{Flag: []imap.Flag{imap.FlagSeen}}) == 1
	})
	a.put("INBOX", "\r\ntwo")
	second := testenv.Receive(a.t, bodies, "the second message")
	stop()
	if err := testenv.Receive(a.t, ended, "the end of the consumer"); err != nil || first != "one" || second != "two" {
		a.t.Errorf("%v: %q, %q", err, first, second)
	}
	if seen := a.count("INBOX", imap.SearchCriteria{Flag: []imap.Flag{imap.FlagSeen}}); seen != 2 {
		a.t.Errorf("%d messages are seen after the end, want 2", seen)
	}
}

// A consumer that could not settle messages delivers none.
func testUnsettled(a *account) {
	a.put("INBOX", "\r\none")
	for trigger, want := range map[string]string{"move_to: Nowhere": `there is no mailbox "Nowhere"`, "mailbox: Nowhere": "Mailbox doesn't exist"} {
		source := moduletest.NewConsumer(a.t, moduletest.Server{Module: Module(), Settings: a.settings, Trigger: trigger})
		err := source.Consume(a.t.Context(), func(_ context.Context, m flows.Message) error {
			a.t.Errorf("%s: %q was delivered", trigger, m.Body)
			return nil
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			a.t.Errorf("%s: %v, want %s", trigger, err, want)
		}
	}
}

// letter is a message with text, HTML, a picture and a file.
var letter = strings.ReplaceAll(`Received: a
Received: b
Date: Sat, 31 Jan 2026 11:00:00 +0100
From: =?iso-8859-1?Q?Ann_=C4?= <ann@example.org>
To: b@example.org, c@example.org
Subject: =?utf-8?B?R3LDvMOfZQ==?=
Message-ID: <1@example.org>
In-Reply-To: <0@example.org>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=outer

--outer
Content-Type: multipart/related; boundary=inner

--inner
Content-Type: multipart/alternative; boundary=both

--both
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

H=E4llo

--both
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: base64

`+base64.StdEncoding.EncodeToString([]byte("<p>Hällo\r\n"))+`

--both--
--inner--
--outer
Content-Type: text/csv; name*=utf-8''%C3%9Cberblick.csv
Content-Disposition: attachment; filename*=utf-8''%C3%9Cberblick.csv

a;b

--outer
Content-Type: image/png
Content-Disposition: inline
Content-ID: <logo>
Content-Transfer-Encoding: base64

AAEC

--outer--
`, "\n", "\r\n")
