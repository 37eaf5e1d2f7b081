package main

import (
	"fmt"
	"io"
	"testing"

	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/penstock/penstock/internal/testenv"
)

// Workers are killed while they read 1,000 messages of a mailbox: each has its effect, and none has it twice.
func TestWorkersThatReadAMailboxAreKilled(t *testing.T) {
	t.Parallel()
	server := testenv.Dovecot(t)
	for _, acknowledge := range []string{"accepted", "ended"} {
		t.Run(acknowledge, func(t *testing.T) {
			client, err := imapclient.DialInsecure("127.0.0.1:"+server.Port, nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = client.Close() })
			if err := client.Login(acknowledge, server.Password).Wait(); err != nil {
				t.Fatal(err)
			}
			connection := fmt.Sprintf(`{"type": "imap", "settings": {"host": "127.0.0.1", "port": %s, "tls": "none", "username": %q, "password": %q}}`, server.Port, acknowledge, server.Password)
			testKills(t, connection, "imap: {connection: bus, body: json, every: 5s, acknowledge: "+acknowledge, func(from, to int) {
				for i := from; i < to; i++ {
					if err := appendMessage(client, fmt.Sprintf("Subject: %d\r\n\r\n{\"n\":%d}", i, i)); err != nil {
						t.Error(err)
					}
				}
			})
		})
	}
}

func appendMessage(client *imapclient.Client, message string) error {
	sending := client.Append("INBOX", int64(len(message)), nil)
	_, err := io.WriteString(sending, message)
	if closed := sending.Close(); err == nil {
		err = closed
	}
	if _, refused := sending.Wait(); err == nil {
		err = refused
	}
	return err
}
