// Package events has the endpoint that publishes an event to a topic.
package events

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
)

// Publish publishes an event for a principal: once for equal keys. An *flows.Error says why it cannot be published; one with
// a class, that it may be tried again.
type Publish func(ctx context.Context, principal string, p flows.Publication) (flows.Published, error)

// Config of the route. Both are required.
type Config struct {
	Publish Publish
	Runner  *runner.Runner
}

// publishTime limits one publication, while Redis is unavailable, too.
const publishTime = 30 * time.Second

// api has the handler of the route.
type api struct{ config Config }

// Mount adds the route below /v1, where requests are authenticated and audited.
func Mount(v1 gin.IRouter, config Config) {
	a := &api{config}
	v1.POST("/events/:topic", httpx.Requires(auth.ScopePublish), a.publish)
}

// publish answers POST /v1/events/{topic}: the body is the event.
func (a *api) publish(c *gin.Context) {
	done, err := a.accept(c)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WriteJSON(c, http.StatusOK, done)
}

func (a *api) accept(c *gin.Context) (done flows.Published, err error) {
	topic, principal := c.Param("topic"), httpx.StateOf(c).Principal.String()
	if reason := flows.CheckTopic(topic); reason != "" {
		return done, httpx.BadRequest("bad_topic", reason)
	}
	if err := httpx.Take(c, "events"); err != nil {
		return done, err
	}
	key, err := runner.ParseIdempotencyKey(c.Request.Header)
	if err != nil {
		return done, err
	}
	if key == "" {
		key = rand.Text()
	}
	body, err := httpx.ReadEvent(c)
	if err != nil {
		return done, err
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), publishTime)
	defer cancel()
	err = a.config.Runner.WithValue(ctx, body, func(ctx context.Context, event any) error {
		done, err = a.config.Publish(ctx, principal, flows.Publication{
			Topic: topic, Event: event, Key: "request:" + principal + "\x00" + key, Window: runner.IdempotencyWindow,
		})
		return publishFault(err)
	})
	return done, err
}

// publishFault returns the fault for an event that was not published, or not to all.
func publishFault(err error) error {
	var known *flows.Error
	switch {
	case !errors.As(err, &known):
		return err
	case known.Class != "":
		return &httpx.Fault{Status: http.StatusServiceUnavailable, Code: "unavailable", Retry: time.Second, Err: err,
			Message: "the event was not handed to all; send it again with the same Idempotency-Key"}
	}
	return &httpx.Fault{Status: http.StatusUnprocessableEntity, Code: "bad_event", Message: known.Message, Err: err}
}
