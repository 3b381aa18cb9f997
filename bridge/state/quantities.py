"""Quantities: what readings measure, with the units and the classes that other programs know them by."""

from bridge.state.reading import Nature, Quantity


def measured(unit: str, device_class: str = "", decimals: int = 0) -> Quantity:
    return Quantity(Nature.NUMBER, unit, device_class, "measurement", decimals)


POWER = measured("W", "power")
CURRENT = measured("A", "current", 1)
SOC = measured("%", "battery")
PERCENT = measured("%")
TEMPERATURE = measured("°C", "temperature", 1)
RANGE = measured("km", "distance")
PRICE = measured("{currency}/kWh", decimals=3)
CO2 = measured("g/kWh")
SHARE = Quantity(unit="%", state_class="measurement", share=True)
METER = Quantity(unit="kWh", device_class="energy", state_class="total_increasing", decimals=2)
COUNTER = Quantity(unit="Wh", device_class="energy", state_class="total_increasing")
LEFT = Quantity(unit="Wh", device_class="energy")  # Home Assistant allows no measurement of energy
LIMIT = Quantity(unit="kWh", device_class="energy", decimals=1)
CAPACITY = Quantity(unit="kWh", device_class="energy_storage", decimals=1)
MILEAGE = Quantity(unit="km", device_class="distance", state_class="total_increasing")
MONEY = Quantity(unit="{currency}", device_class="monetary", decimals=2)
SECONDS = Quantity(unit="s", device_class="duration")
NUMBER = Quantity()
FLAG = Quantity(Nature.FLAG)
PLUG = Quantity(Nature.FLAG, device_class="plug")
CHARGING = Quantity(Nature.FLAG, device_class="battery_charging")
RUNNING = Quantity(Nature.FLAG, device_class="running")
MOMENT = Quantity(Nature.MOMENT, device_class="timestamp")
TEXT = Quantity(Nature.TEXT)
SERIES = Quantity(Nature.SERIES)
