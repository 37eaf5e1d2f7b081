package connect

import (
	"fmt"
	"net"

	"github.com/go-sql-driver/mysql"

	"github.com/penstock/penstock/flows"
)

func mysqlType() Type {
	return Type{
		Name: "mysql", Summary: "A MySQL or MariaDB database.", Fields: databaseFields("3306"),
		open: func(_ *Resolver, s settings) (any, error) {
			trust, err := tlsConfig(s)
			if err != nil {
				return nil, err
			}
			config := mysql.NewConfig()
			config.Net, config.Addr = "tcp", net.JoinHostPort(s.text["host"], s.text["port"])
			config.User, config.Passwd, config.DBName = s.text["username"], s.text["password"], s.text["database"]
			config.TLS, config.Timeout = trust, dialLimit
			config.Logger = &mysql.NopLogger{} // its default logger writes to standard error
			config.ParseTime = false           // dates with a zero month or day are no times
			config.Params = map[string]string{"time_zone": "'+00:00'"}
			reading := new(responseLimiter)
			config.DialFunc = reading.DialContext
			config.ClientFoundRows = true // an update counts matched rows, as with other databases
			c, err := mysql.NewConnector(config)
			if err != nil {
				return nil, fmt.Errorf("make configuration: %w", err)
			}
			return reading.limitPool(newPool(s, flows.MySQL, c)), nil
		},
	}
}
