package sqlstep

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// sqlError converts an error of the database. The author of the statement reads the message of the database; a
// connection provides its own message.
func sqlError(ctx context.Context, db *flows.Database, err error) error {
	var known *flows.Error
	var network net.Error
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &known):
		return known
	case db.TooLarge != nil && db.TooLarge(err):
		return &flows.Error{Code: flows.CodeLimit, Message: "the statement needs too much memory: ask for less, or for smaller values", Err: err}
	}
	failed := failure.Errorf("the database says: %s", failure.ShortLine(err.Error()))
	failed.Err = err
	about := describe(db, err)
	failed.SQLState = about.State
	if about.Hint != "" {
		failed.Message += ": " + about.Hint
	}
	if about.Deadlock {
		failed.Class = flows.ClassDeadlock
	}
	switch {
	case errors.As(err, &network), errors.Is(err, driver.ErrBadConn), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		failed.Message, failed.Class = "the connection to the database was lost", flows.ClassNetwork
	}
	return failed
}

// describe returns what the connection knows about an error of the database.
func describe(db *flows.Database, err error) flows.SQLError {
	if db.Describe == nil || err == nil {
		return flows.SQLError{}
	}
	return db.Describe(err)
}
