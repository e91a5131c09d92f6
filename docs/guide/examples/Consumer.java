import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Keeps the present state of all items in a file: {@code java -cp 'jars/*' Consumer.java items.json BROKER TOPIC
 * [until-now]}. Needs kafka-clients and jackson-databind. docs/guide/consume.md says why each line is there.
 */
public class Consumer {
    /** Milliseconds after which retractions may have been missed: the topic keeps them for seven days. */
    static final long LONGEST_AWAY = Duration.ofDays(6).toMillis();

    static final ObjectMapper JSON = new ObjectMapper();

    final Path file;
    ObjectNode state; // {"at": milliseconds, "positions": {partition: next offset}, "items": {id: item}}

    Consumer(Path file) throws IOException {
        this.file = file;
        state = Files.exists(file) ? (ObjectNode) JSON.readTree(file.toFile()) : empty();
    }

    static ObjectNode empty() {
        ObjectNode made = JSON.createObjectNode().put("at", System.currentTimeMillis());
        made.putObject("positions");
        made.putObject("items");
        return made;
    }

    ObjectNode items() {
        return (ObjectNode) state.get("items");
    }

    ObjectNode positions() {
        return (ObjectNode) state.get("positions");
    }

    /** Upsert by id, or delete. The later record of a partition wins; there is nothing to compare. */
    void apply(ConsumerRecord<byte[], byte[]> record) throws IOException {
        String id = new String(record.key(), StandardCharsets.UTF_8);
        if (record.value() == null) {
            items().remove(id);
            return;
        }
        JsonNode item = JSON.readTree(record.value());
        items().set(id, item);
    }

    /** The items and how far they go, together or not at all: what a transaction is in a database. */
    void save() throws IOException {
        state.put("at", System.currentTimeMillis());
        Path written = file.resolveSibling(file.getFileName() + ".new");
        JSON.writeValue(written.toFile(), state);
        Files.move(written, file, StandardCopyOption.ATOMIC_MOVE);
    }

    /** Go on where the file is; from the beginning where it is empty, too old, or of another topic. */
    void resume(KafkaConsumer<byte[], byte[]> consumer, Map<TopicPartition, Long> ends) {
        boolean old = System.currentTimeMillis() - state.get("at").asLong() > LONGEST_AWAY;
        boolean beyond = ends.entrySet().stream().anyMatch(end -> next(end.getKey()) > end.getValue());
        if (old || beyond) {
            state = empty();
        }
        for (TopicPartition partition : ends.keySet()) {
            consumer.seek(partition, next(partition));
        }
        System.out.println(positions().isEmpty() ? "begins" : "goes on");
    }

    long next(TopicPartition partition) {
        return positions().path(String.valueOf(partition.partition())).asLong(0);
    }

    void run(String broker, String topic, boolean untilNow) throws IOException {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", broker);
        settings.put("isolation.level", "read_committed");
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", "false"); // no group: the positions are in the file
        settings.put("key.deserializer", ByteArrayDeserializer.class.getName());
        settings.put("value.deserializer", ByteArrayDeserializer.class.getName());
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings)) {
            List<TopicPartition> partitions = consumer.partitionsFor(topic).stream()
                    .map(one -> new TopicPartition(topic, one.partition()))
                    .toList();
            consumer.assign(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            resume(consumer, ends);
            int applied = 0;
            while (true) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(500))) {
                    apply(record);
                    applied++;
                }
                for (TopicPartition partition : partitions) {
                    positions().put(String.valueOf(partition.partition()), consumer.position(partition));
                }
                save();
                if (untilNow && partitions.stream().allMatch(one -> next(one) >= ends.get(one))) {
                    break;
                }
            }
            System.out.println(applied + " records applied, " + items().size() + " items");
        }
    }

    public static void main(String[] arguments) throws IOException {
        boolean untilNow = arguments.length > 3 && arguments[3].equals("until-now");
        new Consumer(Path.of(arguments[0])).run(arguments[1], arguments[2], untilNow);
    }
}
