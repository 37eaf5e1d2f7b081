// Package reminder sends e-mail to the contacts of API clients before an assertion expires, once for the whole fleet.
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

// days are the days before the deadline at which a reminder is sent, in ascending order. Of several due reminders
// only the nearest is sent. Read only.
var days = []int{1, 7, 14, 30}

const (
	// checkInterval is the interval of checks.
	checkInterval = 10 * time.Minute
	// claimTTL is how long a process may take to send one message. When it dies meanwhile, another process sends the
	// message again, with the same Message-ID. It must exceed the time limit of a mail server.
	claimTTL = 5 * time.Minute
	// sentTTL is how long after the deadline a reminder is recorded as sent.
	sentTTL = 48 * time.Hour
)

// Clients lists the API clients. *store.Clients implements it.
type Clients interface {
	List(ctx context.Context) ([]*store.Client, error)
}

// Mail finds a mail server by the name of its connection. *connect.Resolver implements it.
type Mail interface {
	Mail(ctx context.Context, connection string) (flows.Mailer, error)
}

// Config configures a Reminder. All but Now are required.
type Config struct {
	Redis      redis.UniversalClient
	Clients    Clients
	Mail       Mail
	Connection string // of type smtp; reminders use its sender
	Issuer     string // base URL, to name the server in the message
	Log        *slog.Logger

	Now func() time.Time // default time.Now
}

// Reminder sends reminders. All processes of a fleet run one; the process that sends a message claims it in Redis.
type Reminder struct{ config Config }

// New returns a Reminder.
func New(config Config) (*Reminder, error) {
	if config.Redis == nil || config.Clients == nil || config.Mail == nil || config.Connection == "" || config.Log == nil {
		return nil, errors.New("new reminder: Redis, Clients, Mail, Connection and Log are required")
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Reminder{config}, nil
}

// Run sends due reminders, at once and every ten minutes, until ctx ends.
func (r *Reminder) Run(ctx context.Context) error {
	tick := time.NewTicker(checkInterval)
	defer tick.Stop()
	for {
		if err := r.SendDue(ctx); err != nil && ctx.Err() == nil {
			r.config.Log.Error("reminders were not sent; they are tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// SendDue sends the reminders that are due and that no other process sends.
func (r *Reminder) SendDue(ctx context.Context) error {
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

// due returns the nearest reached threshold in days before the deadline; false when there is none. A client without
// an assertion has nothing that expires.
func due(c *store.Client, now time.Time) (left int, ok bool) {
	end := c.Deadline()
	if c.Disabled || c.Assertion == "" || len(c.Remind) == 0 || !now.Before(end) {
		return 0, false
	}
	for _, d := range days {
		if !now.Before(end.AddDate(0, 0, -d)) { // calendar days, in the client's time zone
			return d, true
		}
	}
	return 0, false
}

// remind sends one message unless it is sent or being sent.
func (r *Reminder) remind(ctx context.Context, c *store.Client, left int) error {
	id := digest(c.Identifier, c.Assertion, c.Expires, c.TimeZone, fmt.Sprint(left))
	key := keyReminder(id)
	ours, err := r.config.Redis.SetNX(ctx, key, "sending", claimTTL).Result()
	if err != nil {
		return fmt.Errorf("claim reminder: %w", err)
	}
	if !ours {
		return nil
	}
	if err := r.send(ctx, c, id); err != nil {
		// A later pass may try again; when this fails, the claim expires.
		return errors.Join(err, r.config.Redis.Del(context.WithoutCancel(ctx), key).Err())
	}
	r.config.Log.Info("reminder sent", "client", c.Identifier, "days", left)
	keep := c.Deadline().Sub(r.config.Now()) + sentTTL
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
	ctx, cancel := context.WithTimeout(ctx, claimTTL/2)
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

// keyReminder is a string: "sending" or "sent". TTL: claimTTL, then until sentTTL after the deadline.
func keyReminder(id string) string { return "penstock:reminder:{" + id + "}" }

func digest(parts ...string) string {
	h := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return base64.RawURLEncoding.EncodeToString(h[:18])
}
