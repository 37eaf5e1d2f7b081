package console

import "github.com/redis/go-redis/v9"

// queuesUI is asynqmon behind the console's session.
type queuesUI struct{}

func newQueuesUI(redis.UniversalClient) queuesUI { return queuesUI{} }
