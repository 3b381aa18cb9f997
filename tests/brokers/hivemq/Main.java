import com.hivemq.embedded.EmbeddedHiveMQ;

import java.nio.file.Files;
import java.nio.file.Path;

/** HiveMQ CE on a port of the loopback interface: {@code Main PORT DIRECTORY}. Its store is below DIRECTORY. */
public class Main {

    private static final String CONFIG = """
            <hivemq>
              <listeners><tcp-listener><port>%s</port><bind-address>127.0.0.1</bind-address></tcp-listener></listeners>
              <anonymous-usage-statistics><enabled>false</enabled></anonymous-usage-statistics>
            </hivemq>
            """;

    public static void main(final String[] arguments) throws Exception {
        final Path directory = Path.of(arguments[1]);
        final Path config = Files.createDirectories(directory.resolve("config"));
        final Path extensions = Files.createDirectories(directory.resolve("extensions"));
        Files.writeString(config.resolve("config.xml"), CONFIG.formatted(arguments[0]));
        final EmbeddedHiveMQ broker = EmbeddedHiveMQ.builder()
                .withConfigurationFolder(config)
                .withDataFolder(Files.createDirectories(directory.resolve("data")))
                .withExtensionsFolder(extensions)
                .build();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> broker.stop().join()));
        broker.start().join();
        System.out.println("ready");
    }
}
