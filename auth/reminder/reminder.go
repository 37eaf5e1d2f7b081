// Package reminder tells the people behind API clients by e-mail that an
// assertion is about to expire, once for the whole fleet.
package reminder

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

// days before the deadline at which a reminder is sent, the nearest first. Of
// several that have come only the nearest is. Read only.
var days = []int{1, 7, 14, 30}

const (
	// every is how often the clients are looked through.
	every = 10 * time.Minute
	// claim is how long a process has to send one message. When it dies
	// meanwhile, another sends it again, under the same Message-ID. It must
	// exceed the time limit of a mail server.
	claim = 5 * time.Minute
	// memory is how long after the deadline a reminder is known as sent.
	memory = 48 * time.Hour
)

// Clients lists the API clients. *store.Clients does.
type Clients interface {
	List(ctx context.Context) ([]*store.Client, error)
}

// Mail finds a mail server by the name of its connection. *connect.Resolver
// does.
type Mail interface {
	Mail(ctx context.Context, connection string) (flows.Mailer, error)
}

// Config is what a Reminder needs. All but Now is required.
type Config struct {
	Redis      redis.UniversalClient
	Clients    Clients
	Mail       Mail
	Connection string // of type smtp; its sender is that of the reminders
	Issuer     string // base URL, to say which server it is about
	Log        *slog.Logger

	Now func() time.Time // default time.Now
}

// Reminder is one process' part in reminding. All processes of a fleet run
// one; each message is claimed in Redis by the one that sends it.
type Reminder struct{ config Config }

// New makes a Reminder.
func New(config Config) (*Reminder, error) {
	if config.Redis == nil || config.Clients == nil || config.Mail == nil || config.Connection == "" || config.Log == nil {
		return nil, errors.New("new reminder: Redis, Clients, Mail, Connection and Log are required")
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Reminder{config}, nil
}

// Run sends what is due, at once and every ten minutes, until ctx ends.
func (r *Reminder) Run(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := r.Pass(ctx); err != nil && ctx.Err() == nil {
			r.config.Log.Error("reminders were not sent; they are tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Pass sends what is due now and no other process sends.
func (r *Reminder) Pass(ctx context.Context) error {
	clients, err := r.config.Clients.List(ctx)
	if err != nil {
		return fmt.Errorf("list clients: %w", err)
	}
	var errs []error
	for _, c := range clients {
		if left, ok := due(c, r.config.Now()); ok {
			errs = append(errs, r.remind(ctx, c, left))
		}
	}
	return errors.Join(errs...)
}

// due returns the nearest threshold that has come, in days before the
// deadline. Without an assertion there is nothing that expires.
func due(c *store.Client, now time.Time) (left int, ok bool) {
	end := c.Deadline()
	if c.Disabled || c.Assertion == "" || len(c.Remind) == 0 || !now.Before(end) {
		return 0, false
	}
	for _, d := range days {
		if !now.Before(end.AddDate(0, 0, -d)) { // of the calendar: in its time zone
			return d, true
		}
	}
	return 0, false
}

// remind sends one message unless that was done or is being done.
func (r *Reminder) remind(ctx context.Context, c *store.Client, left int) error {
	id := digest(c.Identifier, c.Assertion, c.Expires, c.TimeZone, fmt.Sprint(left))
	key := keyReminder(id)
	ours, err := r.config.Redis.SetNX(ctx, key, "sending", claim).Result()
	if err != nil {
		return fmt.Errorf("claim reminder: %w", err)
	}
	if !ours {
		return nil
	}
	if err := r.send(ctx, c, id); err != nil {
		// Another pass may try; when this fails, the claim ends by itself.
		return errors.Join(err, r.config.Redis.Del(context.WithoutCancel(ctx), key).Err())
	}
	r.config.Log.Info("reminder sent", "client", c.Identifier, "days", left)
	keep := c.Deadline().Sub(r.config.Now()) + memory
	if err := r.config.Redis.Set(context.WithoutCancel(ctx), key, "sent", keep).Err(); err != nil {
		return fmt.Errorf("note reminder: %w", err)
	}
	return nil
}

func (r *Reminder) send(ctx context.Context, c *store.Client, id string) error {
	mailer, err := r.config.Mail.Mail(ctx, r.config.Connection)
	if err != nil {
		return fmt.Errorf("send reminder: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, claim/2)
	defer cancel()
	if err := mailer.Send(ctx, r.message(c, id)); err != nil {
		return fmt.Errorf("send reminder of %s: %w", c.Identifier, err)
	}
	return nil
}

func (r *Reminder) message(c *store.Client, id string) *flows.Mail {
	end := c.Deadline()
	var text strings.Builder
	fmt.Fprintf(&text, "The assertion of the API client %q (%s) at %s expires on %s.\n\n", c.Name, c.Identifier, r.config.Issuer,
		end.Format("Monday 2 January 2006 at 15:04 MST"))
	fmt.Fprint(&text, "From then on the client gets no access tokens, and its integration stops.\n\n")
	fmt.Fprint(&text, "To go on: set a later expiry date for the client, generate and download a new assertion,\n"+
		"and give it to the integration. Generating one ends the old assertion and all tokens at once.\n")
	return &flows.Mail{
		ID: "reminder-" + id, To: c.Remind, Text: text.String(),
		Subject: fmt.Sprintf("API client %s: its assertion expires on %s", c.Name, c.Expires),
	}
}

// keyReminder holds "sending" or "sent": a string. TTL: claim, then until
// memory after the deadline.
func keyReminder(id string) string { return "penstock:reminder:{" + id + "}" }

func digest(parts ...string) string {
	h := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return base64.RawURLEncoding.EncodeToString(h[:18])
}
