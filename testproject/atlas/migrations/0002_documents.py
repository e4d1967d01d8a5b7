"""Put a city's coordinates into an embedded model, and add a list of its names."""

from typing import Any

from django.db import migrations, models
from django.db.models import F

import nonrel_backend.fields


def embed(apps: Any, schema_editor: Any) -> None:
    """Copy the coordinates into the embedded model."""
    cities = apps.get_model('atlas', 'City').objects.using(schema_editor.connection.alias)
    cities.update(location__latitude=F('latitude'), location__longitude=F('longitude'))


def take_out(apps: Any, schema_editor: Any) -> None:
    """Copy the coordinates into columns of their own."""
    cities = apps.get_model('atlas', 'City').objects.using(schema_editor.connection.alias)
    cities.update(latitude=F('location__latitude'), longitude=F('location__longitude'))


class Migration(migrations.Migration):

    dependencies = [
        ('atlas', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='city',
            name='alternate_names',
            field=nonrel_backend.fields.ListField(models.CharField(max_length=200), blank=True),
        ),
        migrations.AddField(
            model_name='city',
            name='location',
            field=nonrel_backend.fields.EmbeddedModelField('atlas.Location', blank=True, null=True, schema={'atlas.Location': [('latitude', models.FloatField()), ('longitude', models.FloatField())]}),
        ),
        # Backwards, the columns are NULL until RunPython has filled them.
        migrations.AlterField('city', 'latitude', models.FloatField(null=True)),
        migrations.AlterField('city', 'longitude', models.FloatField(null=True)),
        migrations.RunPython(embed, take_out),
        migrations.RemoveField(model_name='city', name='latitude'),
        migrations.RemoveField(model_name='city', name='longitude'),
        migrations.AddIndex(
            model_name='city',
            index=models.Index(fields=['alternate_names'], name='atlas_city_other_names'),
        ),
        migrations.AddIndex(
            model_name='city',
            index=nonrel_backend.fields.PathIndex('location__latitude', name='atlas_city_latitude'),
        ),
    ]
