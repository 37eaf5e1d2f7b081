package mongodb

import (
	"context"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/flows"
)

const (
	authenticationFailed = 18
	unauthorized         = 13
	duplicateKey         = 11000
)

// use returns the driver's client.
func (c *client) use() (*mongo.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.driver == nil {
		made, err := mongo.Connect(c.options())
		if err != nil {
			return nil, connect.Failure(c.name, "the settings are wrong, or the SRV records cannot be found")
		}
		c.driver = made
	}
	return c.driver, nil
}

// collection returns a collection of the database.
func (c *client) collection(name string) (*mongo.Collection, error) {
	made, err := c.use()
	if err != nil {
		return nil, err
	}
	return made.Database(c.database).Collection(name), nil
}

// Test implements flows.Client.
func (c *client) Test(ctx context.Context) error {
	made, err := c.use()
	if err != nil {
		return err
	}
	return c.failure(ctx, made.Ping(ctx, readpref.Primary()))
}

// Close implements flows.Client.
func (c *client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.driver == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), selectLimit)
	defer cancel()
	return c.failure(ctx, c.driver.Disconnect(ctx))
}

// failure describes an error of the driver; nil for nil. The driver's own texts name hosts and documents.
func (c *client) failure(ctx context.Context, err error) error {
	var known *flows.Error
	var inner driver.Error
	var answer mongo.ServerError
	var selection topology.ServerSelectionError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	}
	if errors.As(err, &selection) {
		for _, server := range selection.Desc.Servers {
			if server.LastError != nil {
				err = server.LastError
			}
		}
	}
	switch {
	case errors.As(err, &inner) && inner.Code == authenticationFailed:
		return connect.Failure(c.name, "the server refuses the login")
	case mongo.IsNetworkError(err), errors.As(err, &selection), !errors.As(err, &answer):
		return connect.Unreachable(c.name, "the MongoDB server", err)
	case answer.HasErrorCode(authenticationFailed):
		return connect.Failure(c.name, "the server refuses the login")
	case answer.HasErrorCode(unauthorized):
		return connect.Failure(c.name, "the user has not the right to do this")
	}
	e := connect.Failure(c.name, "the server answers %.500s", said(answer))
	if answer.HasErrorLabel("RetryableWriteError") || answer.HasErrorLabel("TransientTransactionError") {
		e.Class = flows.ClassNetwork
	}
	return e
}

// said returns the codes and the first message of an answer, without the documents that it may have besides.
func said(answer mongo.ServerError) string {
	var command mongo.CommandError
	var write mongo.WriteException
	var bulk mongo.BulkWriteException
	text := ""
	switch {
	case errors.As(answer, &command):
		text = command.Message
	case errors.As(answer, &write) && len(write.WriteErrors) > 0:
		text = write.WriteErrors[0].Message
	case errors.As(answer, &bulk) && len(bulk.WriteErrors) > 0:
		text = bulk.WriteErrors[0].Message
	case write.WriteConcernError != nil:
		text = write.WriteConcernError.Message
	case bulk.WriteConcernError != nil:
		text = bulk.WriteConcernError.Message
	}
	codes := slices.Compact(slices.Sorted(slices.Values(answer.ErrorCodes())))
	return string(flows.EncodeJSON(codes)) + ": " + text
}
