package main

import (
	"fmt"
	"io"
	"testing"

	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/penstock/penstock/internal/testenv"
)

// imapServer is a server with a mailbox.
func imapServer(t *testing.T) server {
	dovecot := testenv.Dovecot(t)
	client, err := imapclient.DialInsecure("127.0.0.1:"+dovecot.Port, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	if err := client.Login("ann", dovecot.Password).Wait(); err != nil {
		t.Fatal(err)
	}
	connection := fmt.Sprintf(`{"type": "imap", "settings": {"host": "127.0.0.1", "port": %s, "tls": "none", "username": "ann", "password": %q}}`, dovecot.Port, dovecot.Password)
	return server{connection, "imap: {connection: bus, body: json, every: 5s", func(from, to int) {
		for i := from; i < to; i++ {
			if err := appendMessage(client, fmt.Sprintf("Subject: %d\r\n\r\n{\"n\":%d}", i, i)); err != nil {
				t.Error(err)
			}
		}
	}, atOnce}
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
