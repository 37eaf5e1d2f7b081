package mongotest

import (
	"github.com/xdg-go/scram"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// session is a connection.
type session struct {
	server   *Server
	login    *scram.ServerConversation
	loggedIn bool
}

// answer executes a command.
func (c *session) answer(command bson.D) bson.D {
	s := c.server
	if len(command) == 0 {
		return failure(59, "no command")
	}
	name := command[0].Key
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[name]++
	if failed, ok := s.failures[name]; ok {
		return failed
	}
	switch name {
	case "hello", "isMaster", "ismaster":
		return hello()
	case "saslStart", "saslContinue":
		return c.sasl(command)
	}
	if s.config.Username != "" && !c.loggedIn {
		return failure(13, "command "+name+" requires authentication")
	}
	switch name {
	case "ping", "endSessions":
		return done()
	case "find":
		return s.find(command)
	case "aggregate":
		return s.aggregate(command)
	case "getMore":
		return s.getMore(command)
	case "killCursors":
		for _, id := range array(command, "cursors") {
			delete(s.cursors, id.(int64))
		}
		return done()
	case "insert":
		return s.insert(command)
	case "update":
		return s.update(command)
	case "delete":
		return s.remove(command)
	}
	return failure(59, "no such command: '"+name+"'")
}

func hello() bson.D {
	return done(
		bson.E{Key: "helloOk", Value: true}, bson.E{Key: "isWritablePrimary", Value: true}, bson.E{Key: "ismaster", Value: true}, bson.E{Key: "maxBsonObjectSize", Value: int32(16 << 20)},
		bson.E{Key: "maxMessageSizeBytes", Value: int32(maxMessage)}, bson.E{Key: "maxWriteBatchSize", Value: int32(100_000)},
		bson.E{Key: "minWireVersion", Value: int32(0)}, bson.E{Key: "maxWireVersion", Value: int32(21)}, bson.E{Key: "readOnly", Value: false},
	)
}

// sasl is a step of a login (RFC 5802).
func (c *session) sasl(command bson.D) bson.D {
	if command[0].Key == "saslStart" {
		server, err := scram.SHA256.NewServer(func(user string) (scram.StoredCredentials, error) {
			if user != c.server.config.Username || user == "" {
				return scram.StoredCredentials{}, errNoUser{}
			}
			client, err := scram.SHA256.NewClient(user, c.server.config.Password, "")
			if err != nil {
				return scram.StoredCredentials{}, err
			}
			return client.GetStoredCredentials(scram.KeyFactors{Salt: "0123456789abcdef", Iters: 4096}), nil
		})
		if err != nil {
			return failure(18, "Authentication failed.")
		}
		c.login = server.NewConversation()
	}
	payload, _ := member(command, "payload").(bson.Binary)
	if c.login == nil {
		return failure(18, "Authentication failed.")
	}
	if c.login.Done() { // a client that has no short end asks once more
		return done(bson.E{Key: "conversationId", Value: int32(1)}, bson.E{Key: "payload", Value: bson.Binary{}}, bson.E{Key: "done", Value: true})
	}
	said, err := c.login.Step(string(payload.Data))
	if err != nil {
		return failure(18, "Authentication failed.")
	}
	c.loggedIn = c.login.Done() && c.login.Valid()
	return done(bson.E{Key: "conversationId", Value: int32(1)}, bson.E{Key: "payload", Value: bson.Binary{Data: []byte(said)}}, bson.E{Key: "done", Value: c.loggedIn})
}

type errNoUser struct{}

func (errNoUser) Error() string { return "no such user" }

func done(members ...bson.E) bson.D { return append(bson.D(members), bson.E{Key: "ok", Value: 1.0}) }

func failure(code int, message string) bson.D {
	return bson.D{{Key: "ok", Value: 0.0}, {Key: "errmsg", Value: message}, {Key: "code", Value: int32(code)}, {Key: "codeName", Value: "Error"}}
}

// member returns a member of a document; nil: it has none.
func member(d bson.D, name string) any {
	for _, e := range d {
		if e.Key == name {
			return e.Value
		}
	}
	return nil
}

func document(d bson.D, name string) bson.D {
	v, _ := member(d, name).(bson.D)
	return v
}

func array(d bson.D, name string) bson.A {
	v, _ := member(d, name).(bson.A)
	return v
}

// number returns a whole number; 0: there is none.
func number(v any) int {
	switch v := v.(type) {
	case int32:
		return int(v)
	case int64:
		return int(v)
	case float64:
		return int(v)
	}
	return 0
}
