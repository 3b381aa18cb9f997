// The mochi broker on a port of the loopback interface: main PORT DIRECTORY.
package main

import (
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/hooks/storage/bolt"
	"github.com/mochi-mqtt/server/v2/listeners"
)

func main() {
	port, directory := os.Args[1], os.Args[2]
	server := mqtt.New(nil)
	store := &bolt.Options{Path: filepath.Join(directory, "mochi.db")}
	check(server.AddHook(new(auth.AllowHook), nil))
	check(server.AddHook(new(bolt.Hook), store))
	check(server.AddListener(listeners.NewTCP(listeners.Config{ID: "tcp", Address: "127.0.0.1:" + port})))
	check(server.Serve())
	fmt.Println("ready")

	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	<-end
	check(server.Close())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
